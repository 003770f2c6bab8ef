"""Call the ``main`` of a tool in a process that has imported what it needs.

Starting Python with PyTorch and MMPretrain takes seconds, so the processes are forked
from a server that did it once and never ran anything. Each is its own process group,
with its own working directory, output and command line, and ends like the tool itself.
"""

import importlib.util
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from benchmarks.reliability.processes import ROOT, Ended, kill_group

OUT, ERR = '.stdout', '.stderr'
PRELOADED = (
    '__main__',
    'benchmarks.reliability.forked_tools',
    'mmpretrain.apis',
    'mmpretrain.datasets',
    'mmpretrain.engine',
    'mmpretrain.models',
    'mmgala.comparison.worker',
    'mmgala.datasets',
    'mmgala.engine',
    'mmgala.evaluation',
    'mmgala.models',
    'mmgala.preparation',
    'mmgala.retraining',
    'mmgala.visualization',
    'sklearn.datasets',
)


def call_tool(
    arguments: Sequence[str | Path], limit: float = 120, cwd: Path = ROOT
) -> Ended:
    """Call a tool until it ends, at most ``limit`` seconds.

    Args:
        arguments: the script, such as ``tools/test.py``, and its arguments.
        limit: after it, the process and all that it started are killed.
        cwd: working directory.
    """
    start = time.monotonic()
    return wait_for_call(start_call(arguments, cwd), cwd, start, limit)


def start_call(arguments: Sequence[str | Path], cwd: Path) -> BaseProcess:
    """Start calling a tool, in a process group of its own."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(list(PRELOADED))
    (cwd / '.status').unlink(missing_ok=True)
    command = [str(argument) for argument in arguments]
    process = context.Process(
        target=_be_tool, args=(command, cwd, cwd / OUT, cwd / ERR)
    )
    process.start()
    return process


def wait_for_call(
    process: BaseProcess, cwd: Path, start: float, limit: float = 120
) -> Ended:
    """Wait for a call that was started at this time; kill it after the limit."""
    process.join(limit)
    hung = process.is_alive()
    kill_group(process)
    process.kill()  # if it had not yet become a group
    process.join()
    # Two threads of this process may both ask for a status, and one gets none.
    noted = cwd / '.status'
    status = int(noted.read_text()) if noted.exists() else process.exitcode
    assert status is not None
    out, err = (
        path.read_text(errors='replace') if path.exists() else ''
        for path in (cwd / OUT, cwd / ERR)
    )
    return Ended(status, out, err, hung, time.monotonic() - start)


def _be_tool(command: list[str], cwd: Path, out: Path, err: Path) -> None:
    os.setsid()
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (until the process ends)
    # Under the names of the server, both may be files that were closed since.
    sys.stdout, sys.stderr = (
        open(n, 'w', buffering=1, closefd=False)  # noqa: SIM115
        for n in (1, 2)
    )
    os.chdir(cwd)
    os.environ.update(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')
    _limit_threads()
    script = ROOT / command[0]
    sys.argv = [str(script), *command[1:]]
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    status = 0
    try:
        spec.loader.exec_module(module)
        module.main()
    except SystemExit as end:
        status = _status(end)
    except BaseException:  # as the interpreter does
        traceback.print_exc()
        status = 1
    (cwd / '.status').write_text(str(status))
    sys.exit(status)


def _status(end: SystemExit) -> int:
    """What the interpreter makes of ``sys.exit``."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _limit_threads() -> None:
    import torch

    torch.set_num_threads(1)
