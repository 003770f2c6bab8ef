"""Run the project's tools from the command line, or their ``main`` in this process."""

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 300.0  # seconds for one command on a busy machine

# The digits config with a narrow network, six epochs and a checkpoint of each.
SMALL_CONFIG = f"""
_base_ = '{ROOT}/configs/gala/resnet14_digits-lt.py'
custom_imports = dict(imports=['tests.tools.quick_start'])

model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=32),
)
train_cfg = dict(max_epochs=6, val_interval=3)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))
"""


def command(tool, *arguments):
    """Command line of ``tools/<tool>``."""
    start = [sys.executable] if tool.endswith('.py') else ['bash']
    return [*start, str(ROOT / 'tools' / tool), *map(str, arguments)]


def environment(**changes):
    """Environment of a command: CPU only, one thread per process, this interpreter."""
    return {
        **{k: v for k, v in os.environ.items() if k not in ('RANK', 'LOCAL_RANK')},
        'CUDA_VISIBLE_DEVICES': '',
        'OMP_NUM_THREADS': '1',
        'PYTHON': sys.executable,
        'PYTHONPATH': str(ROOT),  # for modules that configs import
        'GLOO_SOCKET_IFNAME': 'lo',
        **changes,
    }


def run(tool, *arguments, cwd, succeeds=True, **env):
    """Run a tool from the command line.

    Returns:
        The result of ``subprocess.run``, with ``stdout`` and ``stderr`` as text.
    """
    result = subprocess.run(
        command(tool, *arguments),
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    if succeeds and result.returncode != 0:
        raise AssertionError(
            f'{tool} ended with {result.returncode}:\n{result.stdout[-3000:]}\n'
            f'{result.stderr[-3000:]}'
        )
    return result


def call(tool, *arguments, cwd, cfg_options=True):
    """Call the ``main`` of a tool in this process, on the CPU.

    Starting a process takes seconds. ``cfg_options``: whether the tool has that flag.

    Returns:
        ``None`` on success, or else the error message.
    """
    arguments = [str(argument) for argument in arguments]
    if cfg_options:
        if '--cfg-options' not in arguments:
            arguments.append('--cfg-options')
        # Runners with the same name share a logger.
        start = arguments.index('--cfg-options') + 1
        arguments.insert(start, f'experiment_name={uuid.uuid4().hex}')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setenv('LOCAL_RANK', '0')
        patch.setattr(sys, 'argv', [f'{tool}.py', *arguments])
        try:
            load_tool(tool).main()
        except SystemExit as end:
            return end.code
    return None


def call_and_read(tool, *arguments, cwd):
    """Call the ``main`` of a tool, and assert success.

    Returns:
        Its results in ``stdout``, and its messages in ``stderr``.
    """
    with printed() as found:
        end = call(tool, *arguments, cwd=cwd)
    assert end is None, end
    return found


@contextlib.contextmanager
def printed():
    """Collect what is printed to ``stdout`` and ``stderr`` while the block runs."""
    found = SimpleNamespace(stdout='', stderr='')
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield found
    found.stdout, found.stderr = out.getvalue(), err.getvalue()


def assert_one_line(end, message):
    """Assert that a program failed with one line that matches ``message``."""
    assert isinstance(end, str), end
    assert end.startswith('error: ')
    assert len(end.splitlines()) == 1
    assert re.search(message, end), end


def load_tool(name):
    """Import a tool as a module, as the folder is not a package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(**changes):
    """``--cfg-options``, with ``__`` for dots."""
    pairs = [f'{key.replace("__", ".")}={value}' for key, value in changes.items()]
    return ['--cfg-options', *pairs]
