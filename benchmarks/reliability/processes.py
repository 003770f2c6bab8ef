"""Start tools as users do, and see how they end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACEBACK = 'Traceback (most recent call last)'


@dataclass(frozen=True)
class Ended:
    """A process that has ended, or was killed after the time limit.

    Attributes:
        status: exit status; negative if a signal killed it.
        out: standard output.
        err: standard error.
        hung: whether it had to be killed.
        seconds: how long it ran.
    """

    status: int
    out: str
    err: str
    hung: bool
    seconds: float

    @property
    def fault(self) -> str:
        """``'hang'``, ``'traceback'`` or nothing."""
        if self.hung:
            return 'hang'
        return 'traceback' if TRACEBACK in self.out + self.err else ''

    @property
    def last_line(self) -> str:
        """The last line of standard error, or of standard output without one."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1] if lines else ''


def start_tool(
    arguments: Sequence[str | Path], cwd: Path = ROOT, **environment: str
) -> subprocess.Popen[str]:
    """Start a Python script or a shell script of this repository in its own group.

    Args:
        arguments: the script, such as ``tools/test.py``, and its arguments.
        cwd: working directory.
        environment: additional variables.
    """
    script, *rest = map(str, arguments)
    command = [str(ROOT / script), *rest]
    if script.endswith('.py'):
        command.insert(0, sys.executable)
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'OMP_NUM_THREADS': '1',
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors='replace',
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen[str], limit: float) -> Ended:
    """Wait until a process of :func:`start_tool` ends; kill its group after a while."""
    start, hung = time.monotonic(), False
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        hung = True
        kill_group(process)
        out, err = process.communicate()
    return Ended(process.returncode, out, err, hung, time.monotonic() - start)


def run_tool(
    arguments: Sequence[str | Path],
    limit: float = 120,
    cwd: Path = ROOT,
    **environment: str,
) -> Ended:
    """Run a tool until it ends, at most ``limit`` seconds."""
    return wait_for(start_tool(arguments, cwd, **environment), limit)


def kill_group(process: subprocess.Popen[str] | BaseProcess) -> None:
    """Kill a process that leads a group, and all that it started."""
    assert process.pid is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
