"""What the command-line tools do otherwise for a config of MMDetection's scope."""

import os
from copy import deepcopy

from mmengine.config import Config, ConfigDict

from mmgala.engine.custom_hooks import add_hook

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
