"""Changes to a config for hooks, mixed precision, memory format and detection."""

import os
from copy import deepcopy

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.registry import HOOKS, OPTIM_WRAPPERS, is_subclass


def add_hook(cfg: Config, name: str) -> None:
    """Add a hook of this package to a config that has neither it nor a subclass.

    Args:
        cfg: config, modified in place.
        name: class name of the hook.
    """
    kind = HOOKS.get(f'mmgala.{name}')
    hooks, scope = cfg.get('custom_hooks') or [], cfg.get('default_scope')
    types = [h.get('type') if isinstance(h, dict) else type(h) for h in hooks]
    if not any(is_subclass(hook, kind, HOOKS, scope) for hook in types):
        cfg.custom_hooks = [*hooks, dict(type=f'mmgala.{name}')]


# MMDetection's defaults, and the keys needed to undo a flip.
META_KEYS = (
    'img_id',
    'img_path',
    'ori_shape',
    'img_shape',
    'scale_factor',
    'flip',
    'flip_direction',
)


def is_detection(cfg: Config) -> bool:
    """Whether the default scope of a config is that of MMDetection."""
    return cfg.get('default_scope') == 'mmdet'


def reduce_statistics(cfg: Config) -> None:
    """Reduce the statistics of losses over ranks once per step, by a hook."""
    add_hook(cfg, 'ReduceStatisticsHook')


def show_detections(
    cfg: Config, show: bool, show_dir: str | None, wait_time: float
) -> None:
    """Draw the detections in every test image, by MMDetection's visualization hook.

    Args:
        cfg: config, modified in place.
        show: whether to show the images in a window.
        show_dir: folder to write the images to, or None.
        wait_time: time to show each image, in seconds.
    """
    cfg.default_hooks.visualization.update(
        draw=True,
        show=show,
        wait_time=wait_time,
        # MMDetection would resolve a relative path in the work dir.
        test_out_dir=None if show_dir is None else os.path.abspath(show_dir),
    )


def use_detection_tta(cfg: Config) -> None:
    """Use the config's test-time augmentation or, without one, horizontal flips.

    Args:
        cfg: config, modified in place.

    Raises:
        ValueError: if the config has no ``tta_model``, and the model predicts masks,
            which MMDetection cannot merge.
    """
    if 'tta_model' not in cfg:
        if 'mask_head' in cfg.model.get('roi_head', {}):
            raise ValueError(
                "--tta: MMDetection's test-time augmentation cannot merge masks. Leave "
                'out --tta, or set tta_model in the config.'
            )
        limits = cfg.model.test_cfg.get('rcnn', cfg.model.test_cfg)
        cfg.tta_model = dict(
            type='DetTTAModel',
            tta_cfg=dict(
                nms=limits.get('nms', dict(type='nms', iou_threshold=0.5)),
                max_per_img=limits.get('max_per_img', 100),
            ),
        )
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    flips = [dict(type='RandomFlip', prob=1.0), dict(type='RandomFlip', prob=0.0)]
    pack = dict(type='PackDetInputs', meta_keys=META_KEYS)
    augment = dict(type='TestTimeAug', transforms=[flips, [pack]])
    cfg.setdefault('tta_pipeline', [*deepcopy(dataset.pipeline[:-1]), augment])
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset.pipeline = cfg.tta_pipeline


def use_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision: float16 with loss scaling, or bfloat16 on a CPU.

    A config with mixed precision keeps its settings if the device supports them.

    Args:
        cfg: config of one training, modified in place.

    Raises:
        ValueError: if the config has another optimizer wrapper or, on a CPU, another
            type than bfloat16.
    """
    options = cfg.optim_wrapper
    kind = options.get('type', 'OptimWrapper')
    wrapper = OPTIM_WRAPPERS.get(kind) if isinstance(kind, str) else kind
    if wrapper not in (OptimWrapper, AmpOptimWrapper, BFloat16OptimWrapper):
        raise ValueError(
            f'--amp would replace the optimizer wrapper of this config, {kind}. Leave '
            'out --amp, or set optim_wrapper.type=OptimWrapper.'
        )
    if wrapper is not BFloat16OptimWrapper:
        if get_device() != 'cpu':
            options.type = 'AmpOptimWrapper'
            options.setdefault('loss_scale', 'dynamic')
            return
        _use_bfloat16(options, wrapper)
    if is_detection(cfg):
        add_hook(cfg, 'Float32OperatorsHook')


def use_mixed_precision_in_test(cfg: Config) -> None:
    """Test in mixed precision: float16, or bfloat16 on a CPU.

    Args:
        cfg: config, modified in place.
    """
    cfg.test_cfg.fp16 = True  # MMEngine's name for both types
    if is_detection(cfg) and get_device() == 'cpu':
        add_hook(cfg, 'Float32OperatorsHook')


def use_channels_last(cfg: Config) -> None:
    """Train with weights in channels-last memory format, by a hook.

    Args:
        cfg: config of one training, modified in place.
    """
    add_hook(cfg, 'ChannelsLastHook')


def _use_bfloat16(options: ConfigDict, wrapper: type) -> None:
    if wrapper is AmpOptimWrapper:
        options.pop('loss_scale', None)  # bfloat16 needs none
    dtype = options.pop('dtype', None)
    if dtype is not None and str(dtype).removeprefix('torch.') != 'bfloat16':
        raise ValueError(
            f'--amp: this config sets optim_wrapper.dtype={dtype}, but mixed precision '
            'on a CPU requires bfloat16. Leave out the dtype, or train on a GPU.'
        )
    options.type = 'mmgala.BFloat16OptimWrapper'
