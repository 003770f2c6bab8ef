"""Loading of what ``torch.save`` wrote, without executing code in it."""

import contextlib
import functools
import pickle
import re
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from mmgala.utils.checkpoint_archive import altered_part
from mmgala.utils.safe_loading import ADVICE, contains, with_own_unpickler
from mmgala.utils.safe_pickle import SafePickle

_LOADING = threading.RLock()  # PyTorch's list of safe types belongs to all threads
_READS_PLAIN_DATA = hasattr(torch.serialization, 'safe_globals')  # PyTorch 2.5
_HARMLESS = (set, frozenset, bytearray, complex, range, slice)
_NUMPY_DTYPES = list({type(np.dtype(code)) for code in np.typecodes['All']})


class DamagedCheckpointError(ValueError):
    """A file that was cut off while it was written, or is no checkpoint at all."""


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
