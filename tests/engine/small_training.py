"""The digits config, small enough to train within a test."""

import uuid
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = Path(__file__).parents[2] / 'configs' / 'gala' / 'resnet14_digits-lt.py'


def small_config(work_dir, **options):
    """Config of one epoch of a narrow network.

    Args:
        work_dir: folder for all output.
        **options: changes, with ``__`` for the dots of MMEngine's ``--cfg-options``.
    """
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(
        {
            'model.backbone.base_channels': 8,
            'model.backbone.stem_channels': 8,
            'model.head.in_channels': 32,
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
            'work_dir': str(work_dir),
            # Runners with the same name share a logger.
            'experiment_name': uuid.uuid4().hex,
            **{key.replace('__', '.'): value for key, value in options.items()},
        }
    )
    return cfg


def train(cfg):
    """Train, and return the runner and the path of its last checkpoint."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner, Path(cfg.work_dir, 'epoch_1.pth')
