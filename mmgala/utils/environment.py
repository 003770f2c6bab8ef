"""What a result was measured on."""

import contextlib
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

VERSIONED = ('torch', 'torchvision', 'numpy', 'onedl-mmengine', 'onedl-mmpretrain')


def describe_machine() -> dict[str, Any]:
    """Processor, cores and versions, for the record."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                model = line.split(':')[1].strip()
                break
    return dict(
        cpu=model,
        cores=os.cpu_count(),
        python=platform.python_version(),
        versions=installed_versions(),
    )


def installed_versions() -> dict[str, str]:
    """Versions of the libraries that a training depends on."""
    versions = {}
    for name in VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
