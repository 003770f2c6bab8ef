"""A config whose runs take a second or two."""

from mmengine.config import Config

from tests.tools.command_line import ROOT


def small_config(epochs=2):
    """Digits with a narrow network."""
    cfg = Config.fromfile(ROOT / 'configs/cross_entropy/resnet14_digits-lt.py')
    cfg.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(base_channels=8, stem_channels=8),
                head=dict(in_channels=32),
            ),
            train_cfg=dict(max_epochs=epochs),
            param_scheduler=dict(T_max=epochs),
        )
    )
    return cfg
