"""Look at a checkpoint before anything is built on it."""

import contextlib
import logging
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint of MMEngine's onto the CPU without running code from it.

    Args:
        path: local file.

    Returns:
        The checkpoint; a bare state dict is wrapped as ``{'state_dict': ...}``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds more than weights and plain data.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'Checkpoint {path} does not exist.')
    try:
        with _mmengine_globals():
            checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged file makes the reader fail in many ways
        raise ValueError(f'Checkpoint {path} {_why_unreadable(error)}') from error
    if isinstance(checkpoint, dict) and 'state_dict' not in checkpoint:
        checkpoint = {'state_dict': checkpoint}
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint['state_dict'], dict
    ):
        raise ValueError(f'Checkpoint {path} holds no state dict.')
    return checkpoint


def read_latest_checkpoint(work_dir: str | Path) -> tuple[str, dict] | None:
    """Read the checkpoint that a training in ``work_dir`` continues from.

    MMEngine notes the last one in a file. A kill can hit the writing of either: then
    it is the newest checkpoint that is whole.

    Args:
        work_dir: of the training.

    Returns:
        Path and content; ``None`` where there are no checkpoints.

    Raises:
        ValueError: if there are checkpoints and none can be read.
    """
    work_dir = Path(work_dir)
    saved = [p for p in work_dir.glob('*.pth') if not p.name.startswith('best_')]
    candidates = sorted(saved, key=lambda p: p.stat().st_mtime_ns, reverse=True)
    note = work_dir / 'last_checkpoint'
    noted = note.read_text().strip() if note.is_file() else ''
    if noted:
        candidates.insert(0, Path(noted))
    for path in candidates:
        try:
            return str(path), read_checkpoint(path)
        except (FileNotFoundError, ValueError) as error:
            print_log(str(error), logger='current', level=logging.WARNING)
    if candidates:
        raise ValueError(f'{work_dir} holds no checkpoint that can be read.')
    return None


def _why_unreadable(error: Exception) -> str:
    # PyTorch's own advice here is to load such a file in the unsafe way.
    blocked = re.search(r'GLOBAL (\w[\w.]*)', str(error))
    if blocked:
        return (
            f'was not loaded: beside weights and plain data it holds {blocked[1]}, '
            'which could run code.'
        )
    text = str(error).rpartition('WeightsUnpickler error: ')[2].strip()
    reason = text.splitlines()[0].split('. ')[0] if text else type(error).__name__
    return f'cannot be read; it is truncated, or no checkpoint ({reason}).'


@contextlib.contextmanager
def _mmengine_globals() -> Iterator[None]:
    """Allow the data types that MMEngine saves beside the weights."""
    core: Any = getattr(np, '_core' if hasattr(np, '_core') else 'core')
    allowed: list[Any] = [HistoryBuffer, np.ndarray, np.dtype]
    allowed += {type(np.dtype(kind)) for kind in ('b1', 'i4', 'i8', 'u4', 'f4', 'f8')}
    for function in (core.multiarray._reconstruct, core.multiarray.scalar):
        for module in ('numpy.core', 'numpy._core'):  # of NumPy 1 and 2
            name = f'{module}.multiarray.{function.__name__}'
            allowed.append((function, name))
    allowed.append((_getattr_of_buffer, 'builtins.getattr'))
    with torch.serialization.safe_globals(allowed):
        yield


def _getattr_of_buffer(owner: Any, name: str) -> Any:
    """All that a ``HistoryBuffer`` is pickled with ``getattr`` for: its methods."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner}, {name!r})')
    return getattr(HistoryBuffer, name)


def stored_class_counts(checkpoint: dict) -> list[int] | None:
    """Training samples of each class, where the training knew them.

    They are from :class:`mmgala.engine.ClassCountsHook`, or else what the training set
    told of itself.
    """
    meta: dict[str, Any] = checkpoint.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    return meta.get('class_counts', dataset_meta.get('class_counts'))


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model inside wrappers for distribution and test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module  # type: ignore[assignment]
    return model


def check_fits(checkpoint: dict, model: nn.Module, path: str | Path) -> None:
    """Check that a checkpoint is one of this model.

    MMEngine only warns of weights that do not fit, and goes on with random ones.

    Args:
        checkpoint: from :func:`read_checkpoint`.
        model: the model that will load it.
        path: of the checkpoint, for the message.

    Raises:
        ValueError: if a weight has another shape, as with another number of classes,
            or weights are missing.
    """
    stored = {key.removeprefix('module.'): value for key, value in
              checkpoint['state_dict'].items()}  # fmt: skip
    expected = unwrap_model(model).state_dict()
    for name, value in expected.items():
        if name in stored and value.numel() and stored[name].shape != value.shape:
            raise ValueError(
                f'Checkpoint {path} does not fit the config: {name} is '
                f'{tuple(stored[name].shape)} in the checkpoint and '
                f'{tuple(value.shape)} in the model. Use the config it was trained '
                'with; for another number of classes, set model.head.num_classes.'
            )
    parameters = [name for name, _ in unwrap_model(model).named_parameters()]
    missing = [name for name in parameters if name not in stored]
    if missing:
        raise ValueError(
            f'Checkpoint {path} does not fit the config: it lacks {len(missing)} of '
            f"the model's {len(parameters)} parameters, {missing[0]} first."
        )
