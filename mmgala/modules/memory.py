"""Memory that is free, and what is said where it will not suffice."""

import contextlib
import math
from pathlib import Path

import torch

GIB = 2**30
MEMINFO = Path('/proc/meminfo')
CGROUP = Path('/sys/fs/cgroup')


def available_memory(device: torch.device) -> int | None:
    """Bytes that a process can still allocate, or ``None`` if that is unknown.

    Args:
        device: a GPU, or the CPU: what Linux calls available, within the limit of a
            container.
    """
    if device.type == 'cuda':
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(
            device
        )
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != 'cpu':
        return None
    found = []
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = MEMINFO.read_text().splitlines()
        line = next(line for line in lines if line.startswith('MemAvailable:'))
        found.append(1024 * int(line.split()[1]))
    with contextlib.suppress(OSError, ValueError):  # no limit is the word "max"
        limit = int((CGROUP / 'memory.max').read_text())
        found.append(limit - int((CGROUP / 'memory.current').read_text()))
    return max(0, min(found)) if found else None


def check_memory(
    what: str, needed: int, device: torch.device, of_ranks: int, there: int = 0
) -> None:
    """Say before the first step that memory will not suffice, where that is known.

    Args:
        what: needs the memory, such as ``'The gradient of 10 classes'``.
        needed: bytes still to be allocated.
        device: where.
        of_ranks: bytes of a training that ranks can share.
        there: bytes of these that are allocated already.

    Raises:
        ValueError: if less is available.
    """
    available = available_memory(device)
    if available is None or needed <= available:
        return
    ranks = math.ceil(of_ranks / max(1, available + there))
    raise ValueError(
        f'{what} needs {needed / GIB:.2f} GiB on {device}, but {available / GIB:.2f} '
        f'GiB is available: share the classes among {max(2, ranks)} ranks or more '
        '(shard_classes=True), or use fewer input channels.'
    )
