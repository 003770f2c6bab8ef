"""Changes to a training that go with any method: averaged weights, SAM, mixup."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

from mmgala.comparison.config import accepts, short_name
from mmgala.comparison.methods import parse_settings
from mmgala.functional.checks import check_not_negative, check_positive


@dataclass(frozen=True)
class Addition:
    """A change to the config of all runs.

    Attributes:
        apply: changes a config in place, given the settings.
        settings: default settings.
        source: of the idea and the settings.
    """

    apply: Callable[..., None]
    settings: Mapping[str, Any]
    source: str


def _average_weights(cfg: Config, momentum: float) -> None:
    if not 0 < momentum < 1:
        raise ValueError(
            f'--with ema: momentum must be between 0 and 1, but got {momentum}.'
        )
    hooks = cfg.get('custom_hooks') or []
    if any(short_name(hook['type']) == 'EMAHook' for hook in hooks):
        raise ValueError('--with ema: the config has an EMAHook already.')
    hook = dict(type='EMAHook', momentum=momentum)
    cfg.custom_hooks = [*hooks, hook]


def _use_sam(cfg: Config, rho: float) -> None:
    check_positive('rho', rho)
    options = cfg.optim_wrapper
    dtypes = dict(OptimWrapper='float32', BFloat16OptimWrapper='bfloat16')
    kind = short_name(options.get('type', 'OptimWrapper'))
    if kind not in dtypes:
        raise ValueError(
            f'--with sam would replace the optimizer wrapper {kind}. Set '
            'optim_wrapper.type=OptimWrapper, or mmgala.BFloat16OptimWrapper for mixed '
            'precision.'
        )
    options.update(type='mmgala.SAMOptimWrapper', rho=rho, dtype=dtypes[kind])


def _set_weight_decay(cfg: Config, value: float) -> None:
    check_not_negative('value', value)
    cfg.optim_wrapper.optimizer.weight_decay = value


def _mix_images(cfg: Config, alpha: float) -> None:
    check_positive('alpha', alpha)
    settings = cfg.model.get('train_cfg') or ConfigDict()
    if settings.get('augments'):
        raise ValueError('--with mixup: the model of the config mixes images already.')
    mixup = dict(type='Mixup', alpha=float(alpha))
    cfg.model.train_cfg = {**settings, 'augments': mixup}
    loss = cfg.model.head.get('loss')  # of the method `config`; others get theirs
    if loss is not None and accepts(loss.type, 'use_soft'):
        loss.setdefault('use_soft', True)


ADDITIONS = {
    'ema': Addition(
        _average_weights,
        dict(momentum=0.001),
        'exponential moving average of the weights, by EMAHook; ours: over about 1,000 '
        'steps',
    ),
    'sam': Addition(
        _use_sam,
        dict(rho=0.05),
        'sharpness-aware minimisation, Foret et al., ICLR 2021, arXiv 2010.01412; '
        "rho is the authors' choice; twice the time",
    ),
    'weight-decay': Addition(
        _set_weight_decay,
        dict(value=5e-3),
        'Alshammari et al., CVPR 2022, arXiv 2203.14197, for CIFAR100-LT',
    ),
    'mixup': Addition(
        _mix_images,
        dict(alpha=0.4),
        'Zhang et al., ICLR 2018, arXiv 1710.09412; alpha of their CIFAR and ImageNet '
        'experiments is 1 and 0.2 to 0.4',
    ),
}
"""Additions by name, as ``mmgala compare --list`` shows them."""


def apply_additions(cfg: Config, texts: Sequence[str]) -> list[str]:
    """Change a config by additions as they are written on the command line.

    Args:
        cfg: changed in place. Mixed precision must be set before.
        texts: names, or names with settings like ``sam:rho=0.1``.

    Returns:
        Each addition with all its settings.

    Raises:
        ValueError: if an addition or a setting is unknown, one is repeated, or the
            config does not allow it.
    """
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    described: dict[str, str] = {}
    for text in texts:
        name, _, written = text.partition(':')
        if name not in ADDITIONS:
            raise ValueError(
                f'--with {name}: choose from {", ".join(ADDITIONS)}; settings follow '
                'as in sam:rho=0.1.'
            )
        if name in described:
            raise ValueError(f'--with {name} is given twice: leave out one.')
        addition = ADDITIONS[name]
        given = parse_settings(written)
        if unknown := [key for key in given if key not in addition.settings]:
            raise ValueError(
                f'--with {name} has no setting {unknown[0]!r}: it takes '
                f'{", ".join(addition.settings)}.'
            )
        settings = {**addition.settings, **given}
        for key, value in settings.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(
                    f'--with {name}: {key} must be a number, got {value!r}.'
                )
        addition.apply(cfg, **settings)
        values = ', '.join(f'{key}={value:g}' for key, value in settings.items())
        described[name] = f'{name} ({values})'
    return list(described.values())


def describe_additions() -> list[str]:
    """Names, defaults and sources, for ``mmgala compare --list``."""
    return [
        f'--with {name:13}{addition.source}\n    '
        + ', '.join(f'{key}={value:g}' for key, value in addition.settings.items())
        for name, addition in ADDITIONS.items()
    ]
