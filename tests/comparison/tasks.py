"""Tasks for the tests of processes, in a module so that they can be pickled."""

import os
import resource
import signal
import time
from pathlib import Path

from mmgala.comparison.worker import execute


def write_name(path, report):
    """Succeed, and leave a file with the process's id."""
    report(0.5, 'half')
    report.tell('a line')
    Path(path).write_text(str(os.getpid()))


def meet(path, other, report):
    """Succeed only beside a task that does the same the other way round."""
    Path(path).touch()
    end = time.monotonic() + 60
    while not Path(other).exists():
        if time.monotonic() > end:
            raise TimeoutError(f'nobody came to {other}')
        time.sleep(0.01)


def fail(report):
    """Fail with two lines."""
    raise ValueError('two\nlines')


def interrupt(path, report):
    """Receive Ctrl-C, as all processes of a terminal do."""
    os.kill(os.getpid(), signal.SIGINT)
    Path(path).touch()


def die(report):
    """End like a process that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(report):
    """End without a message."""
    os._exit(3)


def execute_without_room(run, report):
    """Do a run where no file may be larger than 50 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    execute(run, report)
