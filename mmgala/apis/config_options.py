"""What the flags of the tools change in a config."""

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
        cfg: changed in place.
        name: of the hook's class.
    """
    kind = HOOKS.get(f'mmgala.{name}')
    hooks = cfg.get('custom_hooks') or []
    types = [h.get('type') if isinstance(h, dict) else type(h) for h in hooks]
    if not any(is_subclass(hook, kind, HOOKS) for hook in types):
        cfg.custom_hooks = [*hooks, dict(type=f'mmgala.{name}')]


# MMDetection's default, with what is needed to undo a flip.
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
    """Whether a config is one of MMDetection's scope."""
    return cfg.get('default_scope') == 'mmdet'


def reduce_statistics(cfg: Config) -> None:
    """Let the statistics of losses be reduced once a step; see the hook."""
    add_hook(cfg, 'ReduceStatisticsHook')


def show_detections(
    cfg: Config, show: bool, show_dir: str | None, wait_time: float
) -> None:
    """Set MMDetection's visualization hook, which draws every test image.

    Args:
        cfg: changed in place.
        show: pictures in a window.
        show_dir: folder for pictures.
        wait_time: seconds that a window stays.
    """
    cfg.default_hooks.visualization.update(
        draw=True,
        show=show,
        wait_time=wait_time,
        # MMDetection takes a relative one to be below the work dir.
        test_out_dir=None if show_dir is None else os.path.abspath(show_dir),
    )


def use_detection_tta(cfg: Config) -> None:
    """Test-time augmentation: as the config says, or the image and its mirror image.

    Args:
        cfg: changed in place.

    Raises:
        ValueError: if the config has no ``tta_model`` and the model gives masks, which
            MMDetection's cannot merge.
    """
    if 'tta_model' not in cfg:
        if 'mask_head' in cfg.model.get('roi_head', {}):
            raise ValueError(
                "--tta: MMDetection's test-time augmentation merges boxes, no masks. "
                'Test this model without it, or give the config a tta_model.'
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

    A config that names mixed precision itself keeps it, where the device supports it.

    Args:
        cfg: config of one training, changed in place.

    Raises:
        ValueError: if the config names another optimizer wrapper, or on a CPU another
            type than bfloat16.
    """
    options = cfg.optim_wrapper
    kind = options.get('type', 'OptimWrapper')
    wrapper = OPTIM_WRAPPERS.get(kind) if isinstance(kind, str) else kind
    if wrapper not in (OptimWrapper, AmpOptimWrapper, BFloat16OptimWrapper):
        raise ValueError(
            f'--amp: this config has an optimizer wrapper of its own, {kind}, which '
            '--amp would replace. Leave out --amp, or set '
            'optim_wrapper.type=OptimWrapper.'
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
        cfg: changed in place.
    """
    cfg.test_cfg.fp16 = True  # MMEngine's name for either
    if is_detection(cfg) and get_device() == 'cpu':
        add_hook(cfg, 'Float32OperatorsHook')


def use_channels_last(cfg: Config) -> None:
    """Train with weights in channels-last format; see the hook.

    Args:
        cfg: config of one training, changed in place.
    """
    add_hook(cfg, 'ChannelsLastHook')


def _use_bfloat16(options: ConfigDict, wrapper: type) -> None:
    if wrapper is AmpOptimWrapper:
        options.pop('loss_scale', None)  # bfloat16 needs none
    dtype = options.pop('dtype', None)
    if dtype is not None and str(dtype).removeprefix('torch.') != 'bfloat16':
        raise ValueError(
            f'--amp: this config sets optim_wrapper.dtype={dtype}, but mixed precision '
            'on a CPU is bfloat16. Leave out the dtype, or train on a GPU.'
        )
    options.type = 'mmgala.BFloat16OptimWrapper'
