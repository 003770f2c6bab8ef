"""What every section of a config must be, checked before anything is built from it.

MMEngine assumes that sections are what they should be, and crashes somewhere inside if
a value is misspelt or a section is set to a list. Values of classes that a config names
are checked by these classes.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.config import Config

Check = tuple[Callable[[Any], bool], str]


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SECTION: Check = (lambda v: isinstance(v, Mapping), 'a dict')
# Programs may also pass what they have built.
BUILT: Check = (lambda v: not isinstance(v, str | int | float | list), 'a dict')
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
LEVEL: Check = (
    lambda v: (
        v in ('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET') or _whole(v, 0)
    ),
    'INFO, WARNING or another level of logging',
)

# Key: check. `None` as a value means that the key is not set, and is left to MMEngine,
# except for the keys in `REQUIRED`.
CHECKS: dict[str, Check] = {
    'model': BUILT,
    'data_preprocessor': BUILT,
    'optim_wrapper': BUILT,
    'optim_wrapper.optimizer': BUILT,
    'optim_wrapper.optimizer.lr': RATE,
    'param_scheduler': DICTS,
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
    'launcher': TEXT,
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
for _split in ('train', 'val', 'test'):
    CHECKS |= {
        f'{_split}_dataloader': BUILT,
        f'{_split}_dataloader.dataset': BUILT,
        f'{_split}_dataloader.sampler': BUILT,
        f'{_split}_dataloader.batch_size': POSITIVE,
        f'{_split}_dataloader.num_workers': NOT_NEGATIVE,
    }
REQUIRED = (
    'model',
    'train_dataloader.dataset',
    'val_dataloader.dataset',
    'test_dataloader.dataset',
)


def check_sections(cfg: Config) -> None:
    """Check the sections of a config, and the settings that MMEngine reads itself.

    Raises:
        ValueError: if one has a value that cannot be right.
    """
    for key, (fits, expected) in CHECKS.items():
        *parents, name = key.split('.')
        section: Any = cfg
        for parent in parents:
            if isinstance(section, Mapping | Config):
                section = section.get(parent)
        if not isinstance(section, Mapping | Config):
            continue
        value = section.get(name)
        if value is None:
            if key in REQUIRED:
                raise ValueError(
                    f'The config has no {key}: {expected} with a type is needed there. '
                    'Add it, or take the right config as _base_.'
                )
        elif not fits(value):
            raise ValueError(
                f'Expected {key} in the config to be {expected}, but got {value!r}. '
                'Correct it in the config or in --cfg-options.'
            )
