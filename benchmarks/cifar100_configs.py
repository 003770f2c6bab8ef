"""What all trainings on CIFAR100-LT in this folder have in common."""

from pathlib import Path

import torch
from mmengine.config import Config

from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.files import replacing

CONTINUED_RATE = 0.05
HELD_OUT = 25  # training images per class that runs which choose something validate on


def train_alone(cfg: Config, *, precision: str, on_device: bool) -> None:
    """Change a config to train in one process of one thread, or on one GPU.

    Args:
        cfg: changed in place.
        precision: ``'bfloat16'``, with channels-last memory, or ``'float32'``.
        on_device: whether images are stored and augmented on the device. On a GPU,
            each step is then one CUDA graph.
    """
    for split in ('train', 'val', 'test'):
        if cfg.get(f'{split}_dataloader') is not None:
            cfg[f'{split}_dataloader'].num_workers = 0
    if on_device:
        cfg.train_cfg.pop('by_epoch', None)
        cfg.train_cfg.type = 'mmgala.OnDeviceTrainLoop'
        if torch.cuda.is_available():
            cfg.train_cfg.cuda_graph = True
            cfg.env_cfg.cudnn_benchmark = True
    if precision == 'bfloat16':
        cfg.optim_wrapper.type = 'mmgala.BFloat16OptimWrapper'
        cfg.custom_hooks = [
            *(cfg.get('custom_hooks') or []),
            dict(type='mmgala.ChannelsLastHook'),
        ]


def set_data_root(cfg: Config, data_root: str) -> None:
    """Read CIFAR-100 from another folder."""
    cfg.train_dataloader.dataset.dataset.data_root = data_root
    for split in ('val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = data_root


def set_epochs(cfg: Config, epochs: int) -> None:
    """Shorten the published schedule: rate 0.05, then a cosine from 0.1 to 0."""
    cfg.train_cfg.max_epochs = epochs
    cfg.param_scheduler[1].merge(dict(T_max=max(1, epochs - 2), end=max(2, epochs)))


def hold_images_out(cfg: Config) -> None:
    """Hold out some training images of each class, and validate on them."""
    cfg.train_dataloader.dataset.dataset.val_per_class = HELD_OUT
    cfg.val_dataloader = cfg.val_dataloader.copy()
    cfg.val_dataloader.dataset = {
        **cfg.val_dataloader.dataset,
        'split': 'val',
        'val_per_class': HELD_OUT,
    }


def validate_on_left_out(cfg: Config) -> None:
    """Validate on the training images that the long-tailed subset leaves out.

    They are 39,153 images, and none of class 0, so means over classes are compared. The
    training is that of the published table, image for image.
    """
    subset = cfg.train_dataloader.dataset
    images = {**cfg.val_dataloader.dataset, 'split': 'train'}
    cfg.val_dataloader = cfg.val_dataloader.copy()
    cfg.val_dataloader.dataset = {**subset, 'left_out': True, 'dataset': images}


def continue_training(cfg: Config, weights: Path, out: Path) -> None:
    """Continue a finished training: rate 0.05, then a cosine to 0.

    What a loss does in a long training shows after a tenth of its time, as the network
    is in the state that it has at the end.

    Args:
        cfg: changed in place.
        weights: of the finished training.
        out: file for the weights without the statistics of its loss, as each loss
            counts from 0.
    """
    state = read_checkpoint(weights)['state_dict']
    kept = {key: state[key] for key in state if 'loss_module' not in key}
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as unfinished:
        torch.save(dict(state_dict=kept, meta={}), unfinished)
    cfg.load_from = str(out)
    cfg.optim_wrapper.optimizer.lr = CONTINUED_RATE
    cfg.param_scheduler = [
        dict(type='CosineAnnealingLR', T_max=cfg.train_cfg.max_epochs, by_epoch=True)
    ]
