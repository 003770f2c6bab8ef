"""Shares of the classes on disk, by ``torch.distributed.checkpoint``.

Beside ``epoch_3.pth``, which has everything that is the same on every rank, is a folder
``epoch_3.TOKEN.shards`` with what is not: each rank writes its share, and any number of
ranks can read it.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata

from mmgala.sharding.dtensor import DTensor
from mmgala.sharding.shards import ClassShards
from mmgala.utils.class_shares import COMPLETE

OPTIMIZER = 'optimizer.'  # prefix of the optimizer's tensors of a parameter


def order_digest(class_names: Sequence[str]) -> str:
    """A digest of the names of all classes, in their order."""
    return hashlib.sha256('\n'.join(map(str, class_names)).encode()).hexdigest()[:16]


def save_shares(
    folder: str | Path, shares: Iterable[tuple[str, Tensor, int]], shards: ClassShards
) -> None:
    """Write the shares of all ranks; every rank calls it.

    Args:
        folder: new folder, on a file system of all ranks.
        shares: name, this rank's share, and dimension of the classes, of each tensor.
        shards: shares of the classes.

    Raises:
        OSError: on every rank, if one cannot write.
    """
    state = {
        name: shards.distributed(share.detach(), dim) for name, share, dim in shares
    }
    try:
        dcp.save(state, checkpoint_id=str(folder), no_dist=shards.ranks == 1)
    except dcp.CheckpointException as error:
        reason = _reason(error)
        raise OSError(f'{folder} cannot be written: {_line(reason)}') from error


def load_shares(
    folder: str | Path, shares: Iterable[tuple[str, Tensor, int]], shards: ClassShards
) -> dict[str, Tensor]:
    """Read this rank's shares, however many ranks have written them.

    Args:
        folder: that :func:`save_shares` has written.
        shares: name, a tensor of the shape and type to read, and dimension of the
            classes.
        shards: shares of the classes.

    Returns:
        This rank's share of each tensor.

    Raises:
        FileNotFoundError: if the folder or a file of it is missing.
        ValueError: if it has another number of classes, is of another model, or is
            damaged.
    """
    sizes = {name: entry.size for name, entry in stored_tensors(folder).items()}
    state: dict[str, Any] = {}
    for name, like, dim in shares:
        empty = torch.empty_like(like, device='cpu')
        state[name] = shards.distributed(empty, dim)
        _check_size(folder, name, sizes.get(name), state[name].shape, dim)
    with _one_line_errors(folder):
        dcp.load(state, checkpoint_id=str(folder), no_dist=shards.ranks == 1)
    return {
        name: value.to_local() if isinstance(value, DTensor) else value
        for name, value in state.items()
    }


def load_whole(folder: str | Path) -> dict[str, Tensor]:
    """Read weights and statistics of all classes, in one process.

    Raises:
        FileNotFoundError: if the folder or a file of it is missing.
        ValueError: if it is damaged.
    """
    state: dict[str, Any] = {
        name: torch.empty(stored.size, dtype=stored.properties.dtype)
        for name, stored in stored_tensors(folder).items()
        if not name.startswith(OPTIMIZER)
    }
    with _one_line_errors(folder):
        dcp.load(state, checkpoint_id=str(folder), no_dist=True)
    return state


def stored_tensors(folder: str | Path) -> dict[str, TensorStorageMetadata]:
    """What a folder has, by name.

    Raises:
        FileNotFoundError: if the folder or a file of it is missing.
        ValueError: if a file is damaged.
    """
    if not Path(folder, COMPLETE).is_file():
        raise FileNotFoundError(
            f'{folder}, with the weights of the classes, is missing or not complete: '
            'copy it, whole, beside its checkpoint, or use another checkpoint.'
        )
    with _one_line_errors(folder):
        contents = dcp.FileSystemReader(str(folder)).read_metadata()
    _check_files(Path(folder), contents)
    return {
        name: entry
        for name, entry in contents.state_dict_metadata.items()
        if isinstance(entry, TensorStorageMetadata)
    }


def _check_files(folder: Path, contents: Metadata) -> None:
    """Check that the files of all ranks are there, as long as they were written."""
    sizes: dict[str, int] = {}
    for entry in (contents.storage_data or {}).values():
        name, end = entry.relative_path, entry.offset + entry.length
        sizes[name] = max(end, sizes.get(name, 0))
    for name, size in sizes.items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}, with the weights of some classes, is missing: copy the whole '
                'folder again, or use another checkpoint.'
            )
        if path.stat().st_size < size:
            raise ValueError(
                f'{path}, with the weights of some classes, was cut off: it has '
                f'{path.stat().st_size} of {size} bytes. Copy the whole folder again, '
                'or use another checkpoint.'
            )


def _check_size(
    folder: str | Path,
    name: str,
    stored: torch.Size | None,
    expected: torch.Size,
    dim: int,
) -> None:
    """Check that a stored tensor fits the model; ``dim`` is that of the classes."""
    if stored is None:
        raise ValueError(
            f'{folder} lacks {name}, which the model has: use the config of the '
            'training that has saved it.'
        )
    if stored == expected:
        return
    if len(stored) == len(expected) and stored[dim] != expected[dim]:
        raise ValueError(
            f'{folder} has {stored[dim]} classes, but the head has '
            f'num_classes={expected[dim]}: set both to the same number.'
        )
    raise ValueError(
        f'{folder} does not fit the config: {name} is {tuple(stored)} in it and '
        f'{tuple(expected)} in the model. Use the config of the training that has '
        'saved it.'
    )


@contextlib.contextmanager
def _one_line_errors(folder: str | Path) -> Iterator[None]:
    """Say what is wrong with a folder; PyTorch's errors have many lines."""
    try:
        yield
    except (Exception, dcp.CheckpointException) as error:
        reason = _reason(error)
        if isinstance(reason, ValueError) and str(folder) in str(reason):
            raise reason from error  # the file could run code, and is named
        raise ValueError(
            f'{folder} cannot be read: it is damaged ({_line(reason)}). Copy the whole '
            'folder again, or use another checkpoint.'
        ) from error


def _reason(error: BaseException) -> BaseException:
    """The first of the errors that PyTorch has collected from the ranks.

    Raises:
        BaseException: if it is an interrupt, which is none.
    """
    if isinstance(error, dcp.CheckpointException):
        error = next(iter(error.failures.values()))[0]
        if not isinstance(error, Exception):
            raise error
    return error


def _line(error: BaseException) -> str:
    """Its first sentence, as PyTorch's further ones recommend to load it unsafely."""
    text = ' '.join(str(error).splitlines()[:1]).partition('. ')[0]
    return f'{type(error).__name__}: {text}' if text else type(error).__name__
