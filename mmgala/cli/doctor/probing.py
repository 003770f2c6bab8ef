"""Try what is installed, each import in a process that may die of it.

A broken package can raise anything on import, end the process, or never return. So a
child process imports one after the other and reports each; if it dies, the probe that
it had begun has failed, and another child tries the rest. This module imports nothing
that is not in Python itself.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 300  # seconds that the imports of one child may take
CHILD = (
    'import json, sys; sys.path[:] = json.loads(sys.argv[1]); '
    'from mmgala.cli.doctor.probing import report; report(sys.argv[2:])'
)


@dataclass(frozen=True)
class Probe:
    """What came of a probe.

    Attributes:
        ok: whether it worked.
        detail: what it found, such as a version.
        error: one line on why it did not work.
        missing: whether the reason is that the package is not installed.
    """

    ok: bool
    detail: str = ''
    error: str = ''
    missing: bool = False


def probe_torch() -> str:
    """Version and build of PyTorch."""
    import torch

    cuda, hip = torch.version.cuda, getattr(torch.version, 'hip', None)
    build = f'CUDA {cuda}' if cuda else f'ROCm {hip}' if hip else 'CPU'
    return f'{torch.__version__}, {build} build'


def probe_arrays() -> str:
    """Whether tensors become arrays and back: NumPy 2 breaks an old PyTorch here."""
    import numpy
    import torch

    array = torch.ones(2).numpy() + numpy.ones(2, dtype=numpy.float32)
    if torch.from_numpy(array).sum().item() != 4:
        raise RuntimeError('tensors and arrays do not agree')
    return ''


def probe_devices() -> str:
    """GPUs and threads that PyTorch sees."""
    import torch

    threads = f'CPU with {torch.get_num_threads()} threads'
    if torch.cuda.is_available():
        names = [
            torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())
        ]
        return ', '.join([*names, threads])
    mps = getattr(torch.backends, 'mps', None)
    return f'Apple GPU, {threads}' if mps and mps.is_available() else threads


def probe_core() -> str:
    """A loss whose value is known: log 2 for two equal logits."""
    import torch

    from mmgala.functional import gala_loss

    sums = torch.ones(2)
    loss = gala_loss(torch.zeros(1, 2), torch.tensor([0]), sums, sums)
    if abs(loss.item() - 0.6931472) > 1e-6:
        raise RuntimeError(f'the loss of two equal logits is {loss.item()}, not log 2')
    return ''


def probe_nms() -> str:
    """An operator of torchvision's that is compiled: the second box is the first."""
    import torch
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0]] * 2)
    if nms(boxes, torch.tensor([0.9, 0.8]), 0.5).tolist() != [0]:
        raise RuntimeError('torchvision::nms gives a wrong result')
    return ''


def probe_registry() -> str:
    """Build a head with its loss, as a config does."""
    import mmpretrain.models  # noqa: F401
    from mmpretrain.registry import MODELS

    config = dict(
        type='mmgala.GALAHead',
        num_classes=2,
        in_channels=2,
        loss=dict(type='mmgala.GALALoss'),
    )
    MODELS.build(config)
    import mmgala.datasets
    import mmgala.engine
    import mmgala.evaluation  # noqa: F401

    return ''


def probe_detection() -> str:
    """Everything that needs MMDetection."""
    importlib.import_module('mmdet.models')
    importlib.import_module('mmgala.detection')
    return ''


SPECIAL: dict[str, Callable[[], str]] = {
    'torch': probe_torch,
    'arrays': probe_arrays,
    'devices': probe_devices,
    'core': probe_core,
    'torchvision::nms': probe_nms,
    'registry': probe_registry,
    'detection': probe_detection,
}
"""Probes that do more than to import the module of their name."""


def probe_one(name: str) -> Probe:
    """Run one probe in this process; whatever it raises is caught."""
    try:
        if name in SPECIAL:
            return Probe(True, SPECIAL[name]())
        module = importlib.import_module(name)
        return Probe(True, str(getattr(module, '__version__', '')))
    except ModuleNotFoundError as error:
        return Probe(False, error=_one_line(error), missing=_names(error, name))
    except BaseException as error:
        return Probe(False, error=_one_line(error))


def _names(error: ModuleNotFoundError, probe: str) -> bool:
    """Whether the module that is not found is the one that was asked for."""
    return error.name is not None and f'{probe}.'.startswith(f'{error.name}.')


def _one_line(error: BaseException) -> str:
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def report(names: Sequence[str]) -> None:
    """In the child: run probes, and print a line of JSON before and after each."""
    answers = os.fdopen(os.dup(1), 'w')
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # libraries print while they are imported, C++ code too
    os.dup2(nowhere, 2)
    for name in names:
        print(json.dumps([name]), file=answers, flush=True)
        print(json.dumps([name, vars(probe_one(name))]), file=answers, flush=True)
    answers.flush()
    os._exit(0)  # a library may hang or crash when the process ends


def probe_all(names: Sequence[str], limit: float = LIMIT) -> dict[str, Probe]:
    """Run probes in child processes.

    Args:
        names: keys of ``SPECIAL``, and names of modules to import.
        limit: seconds after which a child that imports is ended.
    """
    found: dict[str, Probe] = {}
    while left := [name for name in names if name not in found]:
        output, end = _child(left, limit)
        begun = ''
        for name, result in _answers(output):
            begun = name
            if result is not None:
                found[name] = Probe(**result)
        if all(name in found for name in left):
            break
        if begun and begun not in found:
            found[begun] = Probe(False, error=f'the import {end}')
        elif not begun:  # not even the first was tried
            found[left[0]] = Probe(False, error=f'Python {end}')
    return found


def _child(names: Sequence[str], limit: float) -> tuple[str, str]:
    """Output of a child, and how it ended."""
    # -I: a file such as json.py in the current folder is not a module of Python's.
    options = ('-I', '-W', 'ignore', '-c', CHILD, json.dumps(sys.path))
    child = subprocess.Popen(
        [sys.executable, *options, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    try:
        output, _ = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        child.kill()
        output, _ = child.communicate()
        return output, f'did not end within {limit:g} seconds'
    except BaseException:
        child.kill()
        raise
    status = child.returncode
    ended = f'signal {-status}' if status < 0 else f'status {status}'
    return output, f'ended the process with {ended}'


def _answers(output: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for line in output.splitlines():
        with contextlib.suppress(ValueError):  # cut off as the process died
            name, *result = json.loads(line)
            yield name, result[0] if result else None
