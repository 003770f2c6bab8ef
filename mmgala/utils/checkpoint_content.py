"""What the parts of a checkpoint must be, before any of them is used."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

Check = tuple[Callable[[Any], bool], str]


def _is_count(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return False
    number = float(value)
    return math.isfinite(number) and number >= 0 and number.is_integer()


def _are_counts(value: Any) -> bool:
    if isinstance(value, (np.ndarray, torch.Tensor)):
        value = value.tolist()
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(map(_is_count, value))
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str)


def _are_thresholds(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    many, few = value.get('many', math.nan), value.get('few', math.nan)
    return _is_count(many) and _is_count(few) and bool(few <= many)


def _are_shares(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(value.get(key), str) for key in ('folder', 'order')
    )


DICT: Check = (lambda v: isinstance(v, Mapping), 'a dict')
# MMDetection stores one for each part of a concatenated data set.
DICTS: Check = (
    lambda v: (
        isinstance(v, Mapping)
        or (isinstance(v, list) and bool(v) and all(isinstance(e, Mapping) for e in v))
    ),
    'a dict, or a list of dicts',
)
# Of several optimizers, by their names.
SCHEDULERS: Check = (
    lambda v: (
        isinstance(v, Mapping)
        or (isinstance(v, list) and all(isinstance(e, Mapping) for e in v))
    ),
    'a list of dicts',
)
SHARES: Check = (_are_shares, 'a dict with the names `folder` and `order`')
COUNT: Check = (_is_count, 'a whole number of 0 or more')
COUNTS: Check = (_are_counts, 'a list of whole numbers of 0 or more')
NAMES: Check = (_are_names, 'a list of names')
THRESHOLDS: Check = (_are_thresholds, 'a dict with few <= many')

META: dict[str, Check] = {
    'epoch': COUNT,
    'iter': COUNT,
    'seed': COUNT,
    'dataset_meta': DICTS,
    'class_names': NAMES,
    'CLASSES': NAMES,
    'class_counts': COUNTS,
    'class_draws': COUNTS,
    'shot_thresholds': THRESHOLDS,
    'train_sampler': DICT,
    'class_shards': SHARES,
}
PARTS: dict[str, Check] = {
    'meta': DICT,
    'optimizer': DICT,
    'param_schedulers': SCHEDULERS,
    'message_hub': DICT,
    'gradient_statistics': DICT,
}


def check_content(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Check the types of what a checkpoint contains.

    Args:
        checkpoint: with a dict ``'state_dict'``. Other parts may be missing.
        path: path of the checkpoint, for the error message.

    Raises:
        ValueError: if a part is not what trainings save.
    """
    for name, value in checkpoint['state_dict'].items():
        if not isinstance(name, str):
            raise _wrong(path, f'state_dict has the key {name!r}', 'names of weights')
        if not isinstance(value, torch.Tensor) and not name.endswith('_extra_state'):
            raise _wrong(path, f'state_dict[{name!r}] is {_short(value)}', 'a tensor')
    meta = checkpoint.get('meta')
    for part, checks, where in ((checkpoint, PARTS, ''), (meta, META, 'meta.')):
        _check_part(part, checks, where, path)
    if isinstance(meta, Mapping) and isinstance(meta.get('dataset_meta'), Mapping):
        data = {key: META[key] for key in ('class_counts', 'shot_thresholds')}
        data['classes'] = NAMES
        _check_part(meta['dataset_meta'], data, 'meta.dataset_meta.', path)


def check_resumable(
    checkpoint: Mapping[str, Any],
    path: str | Path,
    max_epochs: int | None = None,
    schedulers: int | None = None,
) -> None:
    """Check that a checkpoint holds what is needed to continue its training.

    Args:
        checkpoint: that has passed :func:`check_content`.
        path: path of the checkpoint, for the error message.
        max_epochs: length of the training, if it is counted in epochs.
        schedulers: number of parameter schedulers of the training, if it is known.

    Raises:
        ValueError: if a part is missing, as in published weights, or the training was
            longer than the one to continue, or has other schedulers.
    """
    meta = checkpoint.get('meta') or {}
    lacks = [f'meta.{key}' for key in ('epoch', 'iter') if meta.get(key) is None]
    lacks += [key for key in ('optimizer', 'message_hub') if not checkpoint.get(key)]
    if lacks:
        raise ValueError(
            f'Checkpoint {path} cannot be resumed: it has no {lacks[0]}. Choose one '
            'that a training has saved, or start a new training from these weights: '
            f'--cfg-options load_from={path}.'
        )
    if max_epochs is not None and meta['epoch'] > max_epochs:
        raise ValueError(
            f'Checkpoint {path} cannot be resumed: it is from epoch {meta["epoch"]}, '
            f'but train_cfg.max_epochs is {max_epochs}. Choose an earlier checkpoint, '
            'or set max_epochs to a larger number.'
        )
    states = checkpoint.get('param_schedulers') or []
    if (
        schedulers is not None
        and isinstance(states, list)
        and len(states) != schedulers
    ):
        raise ValueError(
            f'Checkpoint {path} cannot be resumed: it has the states of {len(states)} '
            f'schedulers, but param_scheduler in the config has {schedulers}. Resume '
            'it with the param_scheduler of its training, or start a new training '
            f'from these weights: --cfg-options load_from={path}.'
        )


def _check_part(
    part: Any, checks: Mapping[str, Check], where: str, path: str | Path
) -> None:
    for key, (fits, expected) in checks.items():
        value = (part or {}).get(key)
        if value is not None and not fits(value):
            raise _wrong(path, f'{where}{key} is {_short(value)}', expected)


def _wrong(path: str | Path, found: str, expected: str) -> ValueError:
    return ValueError(
        f'Checkpoint {path} is damaged, or not one of a training: {found}, expected '
        f'{expected}. Use another checkpoint.'
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
