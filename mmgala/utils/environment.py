"""Hardware and software that a result was measured on."""

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

VERSIONED = ('torch', 'torchvision', 'numpy', 'onedl-mmengine', 'onedl-mmpretrain')


def describe_machine(*packages: str) -> dict[str, Any]:
    """CPU, cores and library versions, to be stored with a result.

    Args:
        packages: additional distributions whose versions to include.
    """
    return dict(
        cpu=_cpu_model(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        versions=installed_versions(*packages),
    )


def describe_devices() -> dict[str, Any]:
    """CPU threads that PyTorch uses in this process, and the GPU if there is one."""
    found: dict[str, Any] = dict(threads=torch.get_num_threads())
    if torch.cuda.is_available():
        found['gpu'] = torch.cuda.get_device_name()
    return found


def installed_versions(*packages: str) -> dict[str, str]:
    """Versions of the libraries that a training depends on, and of ``packages``."""
    versions = {}
    for name in (*VERSIONED, *packages):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':')[1].strip()
    return platform.processor() or platform.machine()


def available_memory() -> int | None:
    """Bytes of memory that this process can still take; None if that is unknown.

    The smaller of what Linux calls available and what a container may still use.
    """
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path('/proc/meminfo').read_text().splitlines():
            if line.startswith('MemAvailable:'):
                found.append(1024 * int(line.split()[1]))
    group = Path('/sys/fs/cgroup')
    with contextlib.suppress(OSError, ValueError):  # `max`: no limit
        limit = int((group / 'memory.max').read_text())
        used = int((group / 'memory.current').read_text())
        found.append(max(0, limit - used))
    return min(found, default=None)
