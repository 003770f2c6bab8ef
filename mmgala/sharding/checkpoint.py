"""Shares of the classes on disk, by ``torch.distributed.checkpoint``.

Beside ``epoch_3.pth``, which has everything that is the same on every rank, is a folder
``epoch_3.TOKEN.shards`` with what is not: each rank writes its share, and any number of
ranks can read it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

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
    """
    state = {
        name: shards.distributed(share.detach(), dim) for name, share, dim in shares
    }
    dcp.save(state, checkpoint_id=str(folder), no_dist=shards.ranks == 1)


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
        FileNotFoundError: if the folder is missing or not complete.
        ValueError: if it has another number of classes.
    """
    sizes = stored_tensors(folder)
    state: dict[str, Any] = {}
    for name, like, dim in shares:
        empty = torch.empty_like(like, device='cpu')
        state[name] = shards.distributed(empty, dim)
        if state[name].shape != sizes[name].size:
            raise ValueError(
                f'{folder} has {sizes[name].size[dim]} classes, but the head has '
                f'num_classes={shards.num_classes}: set both to the same number.'
            )
    dcp.load(state, checkpoint_id=str(folder), no_dist=shards.ranks == 1)
    return {
        name: value.to_local() if isinstance(value, DTensor) else value
        for name, value in state.items()
    }


def load_whole(folder: str | Path) -> dict[str, Tensor]:
    """Read weights and statistics of all classes, in one process.

    Raises:
        FileNotFoundError: if the folder is missing or not complete.
    """
    state: dict[str, Any] = {
        name: torch.empty(stored.size, dtype=stored.properties.dtype)
        for name, stored in stored_tensors(folder).items()
        if not name.startswith(OPTIMIZER)
    }
    dcp.load(state, checkpoint_id=str(folder), no_dist=True)
    return state


def stored_tensors(folder: str | Path) -> dict[str, TensorStorageMetadata]:
    """What a folder has, by name.

    Raises:
        FileNotFoundError: if the folder is missing or not complete.
    """
    if not Path(folder, COMPLETE).is_file():
        raise FileNotFoundError(
            f'{folder}, with the weights of the classes, is missing or not complete: '
            'keep it beside its checkpoint.'
        )
    entries = dcp.FileSystemReader(str(folder)).read_metadata().state_dict_metadata
    return {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry, TensorStorageMetadata)
    }
