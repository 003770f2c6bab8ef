"""The ranks of a distributed training, and sums over them."""

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of ranks; 1 where no process group was initialised."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return 1


def rank() -> int:
    """Number of this rank, from 0; 0 where no process group was initialised."""
    return dist.get_rank() if world_size() > 1 else 0


def all_reduce(tensor: Tensor) -> None:
    """Sum a tensor over all ranks, in place; a single process does nothing.

    A tensor may be on another device than the backend works with, as the buffers of a
    loss that was left on the CPU while the model trains with NCCL.
    """
    if world_size() == 1:
        return
    moved = tensor.to(_device_of_backend(tensor))
    dist.all_reduce(moved)
    if moved is not tensor:
        tensor.copy_(moved)


def _device_of_backend(tensor: Tensor) -> torch.device:
    """Device that the backend of the default group sums on."""
    backend = dist.get_backend()
    if backend == 'nccl':
        return torch.device('cuda', torch.cuda.current_device())
    if backend in ('gloo', 'mpi'):
        return torch.device('cpu')
    return tensor.device  # one backend for each kind of device, or another maker's
