"""How much memory a rank has."""

import os

import torch


def available_memory(device: torch.device) -> float:
    """Bytes that are free for this process; infinite where it is unknown.

    On the CPU, ranks of one machine share its memory.
    """
    if device.type == 'cuda':
        free, _ = torch.cuda.mem_get_info(device)
        return float(free + torch.cuda.memory_reserved(device))
    if device.type != 'cpu':
        return float('inf')
    ranks_here = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
    return _free_on_host() / ranks_here


def _free_on_host() -> float:
    try:
        with open('/proc/meminfo') as lines:
            fields = dict(line.split(':') for line in lines)
        return 1024.0 * int(fields['MemAvailable'].split()[0])
    except (OSError, KeyError, ValueError):  # not Linux
        return float('inf')
