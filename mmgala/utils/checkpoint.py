"""Safe reading and validation of checkpoints."""

import contextlib
import functools
import logging
import os
import pickle
import re
import threading
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

from mmgala.utils.checkpoint_archive import altered_part
from mmgala.utils.checkpoint_content import check_content
from mmgala.utils.class_shares import (
    is_shared_out,
    missing_shares,
    refuse_shares,
)
from mmgala.utils.safe_loading import ADVICE, contains, with_own_unpickler
from mmgala.utils.safe_pickle import SafePickle
from mmgala.utils.similar import similar_path


class DamagedCheckpointError(ValueError):
    """A file that was cut off while it was written, or is no checkpoint at all."""


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint of MMEngine onto the CPU without executing code in it.

    Args:
        path: path of a local file.

    Returns:
        The checkpoint; a plain state dict is returned as ``{'state_dict': ...}``.

    Raises:
        FileNotFoundError: if the file does not exist.
        DamagedCheckpointError: if it is truncated or altered, or another kind of file.
        ValueError: if it contains more than weights and plain data, or parts of it
            are not what trainings save.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f'Checkpoint {path} is a folder: give a file in it.')
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'Checkpoint {path} does not exist.{similar_path(path)}'
        )
    checkpoint = load_plain(path, map_location='cpu')
    if isinstance(checkpoint, dict) and 'state_dict' not in checkpoint:
        checkpoint = {'state_dict': checkpoint}
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint['state_dict'], dict
    ):
        raise ValueError(
            f'Checkpoint {path} contains no state dict: give one that a training has '
            'saved, or the state dict of a model.'
        )
    check_content(checkpoint, path)
    return checkpoint


def load_plain(source: Any, map_location: Any = None) -> Any:
    """Load anything that ``torch.save`` wrote, without executing code in it.

    Args:
        source: path, or binary file.
        map_location: see ``torch.load``.

    Raises:
        DamagedCheckpointError: if it is truncated or altered, or another kind of file.
        ValueError: if it contains more than weights and plain data.
    """
    try:
        altered = altered_part(source)
        if altered is not None:
            raise zipfile.BadZipFile(f'the checksum of {altered} is wrong')
        with _LOADING, mmengine_globals():
            if _READS_PLAIN_DATA:
                return torch.load(source, map_location=map_location, weights_only=True)
            load = getattr(torch.load, '__wrapped__', torch.load)
            with with_own_unpickler():
                return load(
                    source,
                    map_location=map_location,
                    weights_only=False,
                    pickle_module=SafePickle(
                        _allowed_globals(), (HistoryBuffer, np.ndarray, np.dtype)
                    ),
                )
    except Exception as error:  # damaged files cause many kinds of errors
        reason = why_unreadable(error)
        damaged = reason.startswith('cannot be read')
        kind = DamagedCheckpointError if damaged else ValueError
        raise kind(f'Checkpoint {source} {reason}') from error


def read_latest_checkpoint(work_dir: str | Path) -> tuple[str, dict] | None:
    """Read the checkpoint from which a training in ``work_dir`` resumes.

    This is the one named in MMEngine's file ``last_checkpoint``. If it is damaged,
    because the training was killed while saving, the newest complete one is used.

    Args:
        work_dir: work directory of the training.

    Returns:
        Path and content of the checkpoint; ``None`` if there are no checkpoints, or
        only damaged ones: then the training starts from the beginning.

    Raises:
        ValueError: if a checkpoint contains more than weights and plain data.
    """
    work_dir = Path(work_dir)
    saved = [p for p in work_dir.glob('*.pth') if not p.name.startswith('best_')]
    candidates = sorted(saved, key=lambda p: p.stat().st_mtime_ns, reverse=True)
    note = work_dir / 'last_checkpoint'
    noted = note.read_text().strip() if note.is_file() else ''
    if noted:
        candidates.insert(0, Path(noted))
    for path in dict.fromkeys(candidates):
        try:
            return str(path), _read_with_shares(path)
        except (
            FileNotFoundError,
            IsADirectoryError,
            DamagedCheckpointError,
        ) as error:
            message = f'{error} It is skipped.'
            print_log(message, logger='current', level=logging.WARNING)
    return None


def _read_with_shares(path: Path) -> dict:
    """Read a checkpoint whose shares of the classes, if any, are complete too."""
    checkpoint = read_checkpoint(path)
    if folder := missing_shares(checkpoint, path):
        raise DamagedCheckpointError(
            f'Checkpoint {path} lacks its classes: {folder} is missing or not complete.'
        )
    return checkpoint


def why_unreadable(error: Exception) -> str:
    """Describe an error of ``torch.load``, to follow the name of the file."""
    # PyTorch's message recommends loading the file unsafely.
    blocked = re.search(r"GLOBAL (\w[\w.]*)|<class '([\w.]+)'>", str(error))
    if isinstance(error, pickle.UnpicklingError) and blocked:
        return contains(blocked[1] or blocked[2])
    if isinstance(error, zipfile.BadZipFile):
        return (
            f'cannot be read: it is damaged ({error}), and its weights may be others '
            'than were saved. Copy or download it again, or use another checkpoint.'
        )
    if 'TorchScript' in str(error):
        return f'was not loaded: it is a TorchScript program. {ADVICE}'
    text = str(error).rpartition('WeightsUnpickler error: ')[2].strip()
    reason = text.splitlines()[0].split('. ')[0] if text else type(error).__name__
    return f'cannot be read: it is truncated, or not a checkpoint ({reason}).'


_LOADING = threading.RLock()  # PyTorch's list of safe types belongs to all threads
_READS_PLAIN_DATA = hasattr(torch.serialization, 'safe_globals')  # PyTorch 2.5
_HARMLESS = (set, frozenset, bytearray, complex, range, slice)
_NUMPY_DTYPES = list({type(np.dtype(code)) for code in np.typecodes['All']})


def replaced_torch_load() -> Any:
    """A safe ``torch.load`` for PyTorch before 2.5, or ``None`` if it has its own."""
    if _READS_PLAIN_DATA:
        return None

    @functools.wraps(torch.load)
    def load(f: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        return load_plain(f, map_location)

    return load


@contextlib.contextmanager
def mmengine_globals() -> Iterator[None]:
    """Allow the data types that MMEngine saves in addition to weights."""
    if not _READS_PLAIN_DATA:
        yield
        return
    allowed: list[Any] = [(value, name) for name, value in _allowed_globals().items()]
    allowed += _NUMPY_DTYPES
    listed = torch.serialization
    before = listed.get_safe_globals()
    listed.add_safe_globals(allowed)
    try:
        yield
    finally:  # PyTorch's context manager would remove what the block has added, too
        after = listed.get_safe_globals()
        listed.clear_safe_globals()
        listed.add_safe_globals([x for x in after if x in before or x not in allowed])


def _allowed_globals() -> dict[str, Any]:
    """Functions and types that MMEngine saves besides weights, by full name."""
    named = {
        'builtins.getattr': _getattr_of_buffer,
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
        **{f'builtins.{kind.__name__}': kind for kind in _HARMLESS},
    }
    functions: tuple[Any, ...] = (
        np.empty(0).__reduce__()[0],
        np.float64(0).__reduce__()[0],
    )
    for function in functions:
        for module in ('numpy.core', 'numpy._core'):  # of NumPy 1 and 2
            named[f'{module}.multiarray.{function.__name__}'] = function
    return named


def _getattr_of_buffer(owner: Any, name: str) -> Any:
    """Look up the methods of ``HistoryBuffer`` that its pickles refer to."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner}, {name!r})')
    return getattr(HistoryBuffer, name)


def stored_class_counts(checkpoint: dict) -> list[int] | None:
    """Training class counts stored in a checkpoint, or None if it has none.

    They come from :class:`mmgala.engine.ClassCountsHook` or, without it, from the meta
    information of the training set.
    """
    meta: dict[str, Any] = checkpoint.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    return meta.get('class_counts', dataset_meta.get('class_counts'))


def stored_class_draws(checkpoint: dict) -> list[int] | None:
    """Samples of each class in an epoch of the training; None if they are unknown.

    They are stored only where wrappers of the training set repeat images; otherwise
    they are the class counts.
    """
    draws = (checkpoint.get('meta') or {}).get('class_draws')
    return stored_class_counts(checkpoint) if draws is None else draws


def counts_meta(
    counts: list[int] | None, draws: list[int] | None
) -> dict[str, list[int]]:
    """Metadata of a checkpoint or data set that states class counts and draws.

    Args:
        counts: training images of each class, if known.
        draws: training samples of each class in an epoch, if known.
    """
    if counts is None:
        return {}
    meta = dict(class_counts=counts)
    if draws is not None and draws != counts:
        meta['class_draws'] = draws
    return meta


def stored_class_names(checkpoint: dict) -> tuple[str, ...]:
    """Names of the training classes stored in a checkpoint; empty if it has none.

    They come from :class:`mmgala.engine.ClassNamesHook` or, without it, from the meta
    information of the training set, which MMEngine stores.
    """
    meta: dict[str, Any] = checkpoint.get('meta') or {}
    dataset_meta = meta.get('dataset_meta') or {}
    if isinstance(dataset_meta, list):  # MMDetection's ConcatDataset has one per part
        dataset_meta = dataset_meta[0]
    names = meta.get('class_names') or dataset_meta.get('classes')
    return tuple(map(str, names or meta.get('CLASSES') or ()))  # the latter: MMCls 0.x


def unwrap_model(model: nn.Module) -> nn.Module:
    """Remove wrappers for distributed training and test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module  # type: ignore[assignment]
    return model


def check_fits(
    checkpoint: dict,
    model: nn.Module,
    path: str | Path,
    in_shares: Collection[str] = (),
) -> None:
    """Check that a checkpoint matches a model.

    MMEngine only warns about weights that do not match, and leaves them random.

    Args:
        checkpoint: checkpoint from :func:`read_checkpoint`.
        model: model that will load the checkpoint.
        path: path of the checkpoint, for the error message.
        in_shares: names of the weights that will be read from the shares of the
            classes, if the checkpoint has them there.

    Raises:
        ValueError: if weights are missing, not finite, or have a different shape, for
            example because of a different number of classes.
    """
    if not in_shares:
        refuse_shares(checkpoint, path)
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
        if name in stored and stored[name].is_complex() and not value.is_complex():
            raise ValueError(
                f'Checkpoint {path} does not fit the config: {name} has complex '
                'numbers. Use a checkpoint of this model.'
            )
    parameters = [name for name, _ in unwrap_model(model).named_parameters()]
    missing = [name for name in parameters if name not in stored]
    if is_shared_out(checkpoint):
        missing = [name for name in missing if name not in in_shares]
    if missing:
        raise ValueError(
            f'Checkpoint {path} does not fit the config: {len(missing)} of the '
            f"model's {len(parameters)} parameters are missing, first {missing[0]}."
        )
    if broken := broken_weights(stored, unwrap_model(model)):
        raise ValueError(
            f'Checkpoint {path} is of a training that diverged: {len(broken)} of its '
            f'{len(expected)} weights are not finite (NaN or infinity), first '
            f'{broken[0]}. Use an earlier checkpoint.'
        )


def broken_weights(state_dict: Mapping[str, Any], model: nn.Module) -> list[str]:
    """Names of the weights that are NaN, or infinite; buffers may hold infinity.

    Args:
        state_dict: of the model.
        model: the model without wrappers.
    """
    parameters = {name for name, _ in model.named_parameters()}
    broken = []
    for key, value in state_dict.items():
        name = key.removeprefix('module.')
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            continue
        wrong = ~value.isfinite() if name in parameters else value.isnan()
        if bool(wrong.any()):
            broken.append(name)
    return broken
