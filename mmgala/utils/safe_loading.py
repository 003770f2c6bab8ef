"""One gate for all files that are read: they are data, and no code in them runs.

PyTorch checkpoints, pickles and YAML files may name any function to be called while
they are read, and many libraries read them. Here they are closed where all readers
meet, so that a reader nobody thought of is closed, too:

* ``torch.load`` obeys the environment variable ``TORCH_FORCE_WEIGHTS_ONLY_LOAD``, also
  where a caller passes ``weights_only=False``. Child processes inherit it.
* Python reports each class and function that a pickle names to audit hooks, before it
  is imported. Only plain data and arrays pass, unless the program itself has pickled
  them, as for another of its processes.
* PyYAML looks up the functions and classes of Python tags in two methods.

Pipes and devices, which may never end, are refused when Python opens them to be read.

SECURITY.md describes the rules for users.
"""

import contextlib
import os
import pickle
import re
import stat
import sys
import threading
from collections.abc import Iterator
from typing import Any

FORCE = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'
FORCE_NOT = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
ADVICE = (
    'Use a file that contains only weights and plain data; SECURITY.md describes how '
    'to convert one.'
)

_NUMPY = ('numpy.core', 'numpy._core')  # of NumPy 1 and 2
PLAIN = {
    'numpy.ndarray',
    'numpy.dtype',
    'collections.OrderedDict',
    '_codecs.encode',  # bytes, in old protocols
    *(f'{module}.multiarray._reconstruct' for module in _NUMPY),
    *(f'{module}.multiarray.scalar' for module in _NUMPY),
    *(f'{module}.numeric._frombuffer' for module in _NUMPY),
    *(
        f'{module}.{name}'
        for module in ('builtins', '__builtin__')
        for name in ('set', 'frozenset', 'slice', 'complex', 'bytearray', 'range')
    ),
}
"""What pickles in files may name: it only builds plain data and arrays."""

SHARES = {
    'pathlib.PosixPath',
    'torch.Size',
    'torch.distributed.checkpoint.filesystem._StorageInfo',
    'torch.float32',
    'torch.float64',
    'torch.int64',
    'torch.serialization._get_layout',
    *(
        f'torch.distributed.checkpoint.metadata.{name}'
        for name in (
            'ChunkStorageMetadata',
            'Metadata',
            'MetadataIndex',
            'StorageMeta',
            'TensorProperties',
            'TensorStorageMetadata',
            '_MEM_FORMAT_ENCODING',
        )
    ),
}
"""What the table of contents of a sharded checkpoint may name, besides."""

PROCESSES = (
    'multiprocessing',
    'concurrent.futures',
    'torch.multiprocessing',
    'torch.utils.data._utils',
    'torch.utils.data.dataloader',
    'torch.distributed.distributed_c10d',
    'torch.distributed.rpc',
    'mmengine.dist',
    'mmdet.utils.dist_utils',
    # Samples that a data set has pickled in memory.
    'mmengine.dataset.base_dataset',
    'mmgala.datasets.image_dataset',
    # Caches of torch.compile, in the user's own folder.
    'torch._dynamo',
    'torch._functorch',
    'torch._inductor',
)
"""Modules that unpickle what this program itself has pickled."""


HARMLESS_DEVICES = (os.devnull, '/dev/tty')


class RefusedContentError(ValueError):
    """A file was not read, as it could run code."""


class _Opened(threading.local):
    """The file that a thread opened last, for error messages."""

    path: Any = None


_opened = _Opened()
_lock = threading.RLock()
_undo: list[contextlib.ExitStack] = []
_hooked = False
_mmengine_is_closed = False


@contextlib.contextmanager
def only_plain_data() -> Iterator[None]:
    """Refuse files that could run code while the block runs, or a decorated function.

    This holds for all threads of the process and for the processes that it starts.
    Blocks may be nested.

    Examples:
        >>> import io, pickle, pathlib
        >>> evil = pickle.dumps(pathlib.Path('x'))
        >>> with only_plain_data():
        ...     pickle.load(io.BytesIO(evil))
        Traceback (most recent call last):
        ...
        mmgala.utils.safe_loading.RefusedContentError: ...
    """
    enter_plain_data()
    try:
        yield
    finally:
        with _lock:
            _undo.pop().close()


def enter_plain_data() -> None:
    """Like :func:`only_plain_data`, for the rest of the process."""
    global _hooked
    with _lock:
        undo = contextlib.ExitStack()
        if not _undo:
            if not _hooked:  # hooks cannot be removed
                sys.addaudithook(_audit)
                _hooked = True
            _close_torch(undo)
            _close_yaml(undo)
        _close_mmengine(undo)
        _undo.append(undo)


def close_new_readers() -> None:
    """Close readers that were imported after the gate was closed."""
    with _lock:
        if _undo:
            _close_mmengine(_undo[-1])


def last_opened() -> str:
    """Path of the file that this thread opened last while the gate was closed."""
    return 'The file' if _opened.path is None else os.fsdecode(_opened.path)


def contains(name: str) -> str:
    """Say that a file was refused, as it contains this class or function."""
    return (
        f'was not loaded: besides weights and plain data, it contains {name}, which '
        f'could run code. {ADVICE}'
    )


def refusal(error: pickle.UnpicklingError) -> str:
    """Describe in one line why the file opened last was not unpickled."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedContentError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    blocked = re.search(r'GLOBAL (\w[\w.]*)', str(error))
    if blocked:
        return f'{last_opened()} {contains(blocked[1])}'
    reason = (str(error).strip().splitlines() or ['damaged'])[0]
    return f'{last_opened()} cannot be read: {reason}'


def _audit(event: str, arguments: tuple) -> None:
    """Audit hook: check what pickles name, and note which file is being read."""
    if not _undo:
        return
    if event == 'pickle.find_class':
        _check_pickle(*arguments)
    elif (
        event == 'open'
        and isinstance(arguments[0], (str, bytes))
        and not os.fsdecode(arguments[0]).endswith(('.py', '.pyc'))  # of an import
    ):
        if str(arguments[1] or '').startswith('r'):
            _check_regular(arguments[0])
        _opened.path = arguments[0]


def _check_regular(path: str | bytes) -> None:
    """Refuse what may never end, such as a pipe, or a link to /dev/zero."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return  # as for other missing files
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return
    if os.fsdecode(path) not in HARMLESS_DEVICES:
        raise RefusedContentError(
            f'{os.fsdecode(path)} is a pipe or a device, or a link to one: pass a '
            'regular file.'
        )


def _check_pickle(module: str, name: str) -> None:
    full = f'{module}.{name}'
    reader = _reader()
    if full in PLAIN or _is_of(reader, PROCESSES) or full in _allowed_by_user():
        return
    if full in SHARES and _is_of(reader, ('torch.distributed.checkpoint',)):
        return
    raise RefusedContentError(f'{last_opened()} {contains(full)}')


def _reader() -> str:
    """Module of the innermost function outside ``pickle`` that unpickles."""
    frame = sys._getframe(3)  # of what has called the unpickler
    while frame.f_globals.get('__name__') == 'pickle' and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get('__name__'))


def _is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(f'{module}.'.startswith(f'{name}.') for name in packages)


def _allowed_by_user() -> set[str]:
    """Types that the user's own modules have passed to PyTorch's list of safe ones."""
    serialization = sys.modules.get('torch.serialization')
    listed: list[Any] = getattr(serialization, 'get_safe_globals', list)()
    return {
        f'{entry.__module__}.{entry.__qualname__}'
        for entry in listed
        if isinstance(entry, type)
    }


def _close_torch(undo: contextlib.ExitStack) -> None:
    if os.environ.get(FORCE_NOT):
        print(f'{FORCE_NOT} is ignored: {ADVICE}', file=sys.stderr)
    undo.callback(_restore, {name: os.environ.get(name) for name in (FORCE, FORCE_NOT)})
    os.environ[FORCE] = '1'
    os.environ.pop(FORCE_NOT, None)


def _close_mmengine(undo: contextlib.ExitStack) -> None:
    global _mmengine_is_closed
    if _mmengine_is_closed or 'mmengine.runner.checkpoint' not in sys.modules:
        return
    # Imported late, as programs without MMEngine start in half a second.
    from mmgala.utils.mmengine_loading import mmengine_reads_plain_data

    undo.enter_context(mmengine_reads_plain_data())
    _mmengine_is_closed = True
    undo.callback(_open_mmengine)


def _open_mmengine() -> None:
    global _mmengine_is_closed
    _mmengine_is_closed = False


@contextlib.contextmanager
def with_own_unpickler() -> Iterator[None]:
    """Let ``torch.load`` use a pickle module, for a caller whose module is safe."""
    forced = os.environ.pop(FORCE, None)
    try:
        yield
    finally:
        if forced is not None:
            os.environ[FORCE] = forced


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _close_yaml(undo: contextlib.ExitStack) -> None:
    try:
        from yaml.constructor import FullConstructor
    except ImportError:
        return
    for method in ('find_python_name', 'find_python_module'):
        before = getattr(FullConstructor, method)
        undo.callback(setattr, FullConstructor, method, before)
        setattr(FullConstructor, method, _refuse_tag)


def _refuse_tag(constructor: Any, name: str, mark: Any, unsafe: bool = False) -> None:
    raise RefusedContentError(
        f'{last_opened()} was not loaded: its line {mark.line + 1} has a YAML tag for '
        f'Python, {name}, which could run code. Write plain YAML without !!python.'
    )
