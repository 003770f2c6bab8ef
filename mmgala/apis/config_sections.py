"""What every section of a config must be, checked before anything is built from it.

MMEngine assumes that sections are what they should be, and crashes somewhere inside if
a value is misspelt or a section is set to a list. Values of classes that a config names
are checked by these classes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

from mmgala.registry import find_class

SPLITS = ('train', 'val', 'test')
# PyTorch's default is none: the training set unshuffled, and in full on each rank.
SAMPLER = "a dict such as dict(type='DefaultSampler', shuffle=True)"
LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
Check = tuple[Callable[[Any], bool], str]


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SECTION: Check = (lambda v: isinstance(v, Mapping), 'a dict')
# Programs may also pass what they have built.
BUILT: Check = (lambda v: not isinstance(v, str | int | float | list), 'a dict')
TYPED: Check = (
    lambda v: BUILT[0](v) and not (isinstance(v, Mapping) and 'type' not in v),
    'a dict with a type',
)
SEQUENCE: Check = (lambda v: isinstance(v, list | tuple), 'a list of dicts')
DICTS: Check = (
    lambda v: BUILT[0](v) or (SEQUENCE[0](v) and all(map(BUILT[0], v))),
    'a dict, or a list of dicts',
)
HOOKS: Check = (lambda v: SEQUENCE[0](v) and all(map(BUILT[0], v)), 'a list of dicts')
METRICS: Check = (lambda v: DICTS[0](v), 'a dict with a type, or a list of them')
TEXT: Check = (lambda v: isinstance(v, str), 'text')
POSITIVE: Check = (lambda v: _whole(v, 1), 'a whole number of 1 or more')
NOT_NEGATIVE: Check = (lambda v: _whole(v, 0), 'a whole number of 0 or more')
PERIOD: Check = (
    lambda v: _whole(v, 1) or v == -1,
    'a whole number of 1 or more, or -1',
)
RATE: Check = (
    lambda v: _number(v) and math.isfinite(v) and v >= 0,
    'a finite number of 0 or more',
)
SCALES: Check = (
    lambda v: (
        SEQUENCE[0](v) and all(map(_number, v)) and all(0 < e < math.inf for e in v)
    ),
    'a list of positive numbers, one for each channel',
)
LEVEL: Check = (
    lambda v: (
        v in ('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET') or _whole(v, 0)
    ),
    'INFO, WARNING or another level of logging',
)

# Key: check. `None` as a value means that the key is not set, and is left to MMEngine,
# except for the keys in `REQUIRED`.
CHECKS: dict[str, Check] = {
    'model': TYPED,
    'data_preprocessor': BUILT,
    'data_preprocessor.std': SCALES,
    'optim_wrapper': BUILT,
    'optim_wrapper.optimizer': BUILT,
    'optim_wrapper.optimizer.lr': RATE,
    'param_scheduler': DICTS,
    'param_scheduler.T_max': POSITIVE,
    'auto_scale_lr': SECTION,
    'default_hooks': SECTION,
    'default_hooks.checkpoint': BUILT,
    'default_hooks.checkpoint.interval': PERIOD,
    'custom_hooks': HOOKS,
    'env_cfg': SECTION,
    'randomness': SECTION,
    'randomness.seed': NOT_NEGATIVE,
    'visualizer': BUILT,
    'log_processor': BUILT,
    'log_level': LEVEL,
    'default_scope': TEXT,
    'work_dir': TEXT,
    'load_from': TEXT,
    'launcher': (lambda v: v in LAUNCHERS, f'one of {", ".join(LAUNCHERS)}'),
    'custom_imports': SECTION,
    'train_cfg': BUILT,
    'train_cfg.max_epochs': POSITIVE,
    'train_cfg.max_iters': POSITIVE,
    'train_cfg.val_begin': NOT_NEGATIVE,
    'train_cfg.val_interval': POSITIVE,
    'val_cfg': BUILT,
    'test_cfg': BUILT,
    'val_evaluator': METRICS,
    'test_evaluator': METRICS,
}
for _split in SPLITS:
    CHECKS |= {
        f'{_split}_dataloader': BUILT,
        f'{_split}_dataloader.dataset': TYPED,
        f'{_split}_dataloader.sampler': (BUILT[0], SAMPLER),
        f'{_split}_dataloader.batch_size': POSITIVE,
        f'{_split}_dataloader.num_workers': NOT_NEGATIVE,
    }
REQUIRED = ('model',) + tuple(
    f'{split}_dataloader.{part}' for split in SPLITS for part in ('dataset', 'sampler')
)


def check_sections(cfg: Config) -> None:
    """Check the sections of a config, and the settings that MMEngine reads itself.

    Raises:
        ValueError: if one has a value that cannot be right.
    """
    for key, check in CHECKS.items():
        for section in _sections(cfg, key.split('.')[:-1]):
            _check_value(cfg, section, key, check)
    _check_class_numbers(cfg)
    _check_optimizer(cfg)


def _sections(cfg: Config, names: Sequence[str]) -> list[Any]:
    """The sections of a dotted name: none, one, or the entries of a list."""
    sections: list[Any] = [cfg]
    for name in names:
        found = [s.get(name) for s in sections]
        entries = [e for f in found for e in (f if SEQUENCE[0](f) else [f])]
        sections = [entry for entry in entries if isinstance(entry, Mapping)]
    return sections


def _check_value(cfg: Config, section: Any, key: str, check: Check) -> None:
    (fits, expected), value = check, section.get(key.rpartition('.')[2])
    if value is None:
        if key in REQUIRED:
            name = f'Config {cfg.filename}' if cfg.filename else 'The config'
            raise ValueError(
                f'{name} has no {key}: {expected} is needed there. Add it, or take the '
                'right config as _base_.'
            )
    elif not fits(value):
        raise ValueError(
            f'Expected {key} in the config to be {expected}, but got {value!r}. '
            'Correct it in the config or in --cfg-options.'
        )


def _check_optimizer(cfg: Config) -> None:
    """MMEngine's message on an unknown optimizer does not name it."""
    for optimizer in _sections(cfg, ('optim_wrapper', 'optimizer')):
        kind, scope = optimizer.get('type'), cfg.get('default_scope')
        if isinstance(kind, str) and find_class(kind, OPTIMIZERS, scope) is None:
            raise ValueError(
                f'optim_wrapper.optimizer.type in the config is {kind}, but there is '
                'no such optimizer. Use one of PyTorch, such as SGD or AdamW, or '
                'import your own with custom_imports.'
            )


def _check_class_numbers(cfg: Config) -> None:
    """Soft labels of mixup and CutMix must have as many columns as the logits."""
    model, prepared = cfg.model, cfg.get('data_preprocessor') or {}
    if not (isinstance(model, Mapping) and isinstance(prepared, Mapping)):
        return
    settings, head = model.get('train_cfg') or {}, model.get('head')
    if not (isinstance(settings, Mapping) and isinstance(head, Mapping)):
        return
    augments = settings.get('augments') or prepared.get('batch_augments')
    numbers = prepared.get('num_classes'), head.get('num_classes')
    if augments and numbers[0] != numbers[1]:
        raise ValueError(
            f'data_preprocessor.num_classes in the config is {numbers[0]}, but '
            f'model.head.num_classes is {numbers[1]}: mixup and CutMix need both, set '
            'to the number of classes.'
        )
