"""Run tasks in parallel, each in a separate process.

A task that crashes, is killed or runs out of memory does not affect the others. The
processes are forked from a server that has imported what they need.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from mmgala.utils.safe_loading import enter_plain_data

# What a run needs, and the program itself. Imported once, so that all runs of a
# comparison use the same code even if files are edited meanwhile.
PRELOADED = (
    'mmgala.utils.known_warnings',
    '__main__',
    'mmgala.comparison.worker',
    'mmpretrain.models',
    'mmpretrain.datasets',
    'mmpretrain.engine',
    'mmgala.models',
    'mmgala.datasets',
    'mmgala.engine',
    'mmgala.evaluation',
)
POLL_SECONDS = 0.5  # seconds between checks on tasks that send nothing

NO_MESSAGE = 'ended without a message'


@dataclass(frozen=True)
class Task:
    """Something to run in a separate process.

    Attributes:
        name: unique name for messages.
        function: module-level function, called with ``arguments`` and a
            :class:`Report`. It fails by raising.
        arguments: its positional arguments.
        after: names of tasks that must succeed first.
    """

    name: str
    function: Callable[..., None]
    arguments: tuple = ()
    after: tuple[str, ...] = ()


class Report:
    """By which a task reports from its process.

    Args:
        send: of the connection to the parent.
    """

    def __init__(self, send: Callable[[tuple], None]) -> None:
        self._send = send

    def __call__(self, share: float, what: str = '') -> None:
        """Report the completed share of the work, 0 to 1, and what is done now."""
        self._send(('done', (share, what)))

    def tell(self, line: str) -> None:
        """Report something in one line."""
        self._send(('told', line))


class Observer(Protocol):
    """Receives the progress of tasks."""

    def started(self, name: str) -> None:
        """A task has started."""

    def advanced(self, name: str, share: float, what: str = '') -> None:
        """A task has completed this share of its work, and does ``what`` now."""

    def told(self, name: str, line: str) -> None:
        """A task has something to tell, in one line."""

    def ended(self, name: str, seconds: float, error: str | None) -> None:
        """A task has ended; ``error`` is one line if it failed."""


@dataclass
class _Running:
    task: Task
    process: Any
    connection: Connection
    slot: int
    start: float = field(default_factory=time.monotonic)
    error: str | None = NO_MESSAGE


def default_workers() -> int:
    """One process for each GPU, or for each CPU core without GPUs."""
    import torch

    return torch.cuda.device_count() or available_cores()


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_tasks(
    tasks: Sequence[Task], workers: int, observer: Observer, threads: int | None = None
) -> dict[str, str]:
    """Run tasks in parallel, in their order as far as their dependencies allow.

    With GPUs, each process sees one GPU. All processes end with this one, even if
    it is killed.

    Args:
        tasks: what to run.
        workers: maximum number of processes at a time, 1 or more.
        observer: receives progress and results.
        threads: number of PyTorch threads in each process. Defaults to one if several
            processes run on CPUs, otherwise to PyTorch's own number.

    Returns:
        One line for each task that failed, by its name. Tasks that depend on a failed
        one fail as well.
    """
    waiting, running = list(tasks), list[_Running]()
    done: set[str] = set()
    failed: dict[str, str] = {}
    starter = _Starter(min(workers, len(tasks)), threads)
    unfinished = {task.name for task in tasks}
    try:
        while waiting or running:
            for task in [t for t in waiting if set(t.after) & set(failed)]:
                waiting.remove(task)
                cause = next(name for name in task.after if name in failed)
                failed[task.name] = f'{cause} failed, which it starts from'
                observer.ended(task.name, 0.0, failed[task.name])
            ready = [t for t in waiting if not set(t.after) & (unfinished - done)]
            while ready and starter.free:
                waiting.remove(task := ready.pop(0))
                running.append(starter.start(task))
                observer.started(task.name)
            for one in _ended(running, observer):
                running.remove(one)
                starter.free.append(one.slot)
                if one.error is None:
                    done.add(one.task.name)
                else:
                    failed[one.task.name] = one.error
                seconds = time.monotonic() - one.start
                observer.ended(one.task.name, seconds, one.error)
    finally:
        for one in running:
            one.process.terminate()
    return failed


def _ended(running: Sequence[_Running], observer: Observer) -> list[_Running]:
    """Wait for messages; return the tasks that have ended."""
    by_connection = {one.connection: one for one in running}
    sentinels = [one.process.sentinel for one in running]
    for ready in wait([*by_connection, *sentinels], timeout=POLL_SECONDS):
        if isinstance(ready, Connection):
            _receive(by_connection[ready], observer)
    ended = [one for one in running if not one.process.is_alive()]
    for one in ended:
        while one.connection.poll() and _receive(one, observer):
            pass
        one.connection.close()
        if one.error == NO_MESSAGE:
            one.error = _describe_exit(one.process.exitcode)
    return ended


def _receive(one: _Running, observer: Observer) -> bool:
    """Handle one message; False if there are no more."""
    try:
        kind, value = one.connection.recv()
    except (EOFError, OSError):
        one.process.join()
        return False
    if kind == 'ended':
        one.error = value
    elif kind == 'told':
        observer.told(one.task.name, value)
    else:
        observer.advanced(one.task.name, *value)
    return True


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        hint = ': out of memory?' if code == -9 else ''
        return f'its process was killed by signal {-code}{hint}'
    return f'its process ended with status {code}'


class _Starter:
    """Starts processes, each with its own GPU or number of threads."""

    def __init__(self, workers: int, threads: int | None) -> None:
        import torch

        self.gpus = torch.cuda.device_count()
        self.free = list(range(workers))
        if threads is None and workers > 1 and not self.gpus:
            threads = 1
        self.threads = threads
        # CUDA must see its one device before anything is imported.
        forks = 'forkserver' in multiprocessing.get_all_start_methods()
        method = 'forkserver' if forks and not self.gpus else 'spawn'
        self.context: Any = multiprocessing.get_context(method)
        if method == 'forkserver':
            self.context.set_forkserver_preload(list(PRELOADED))

    def start(self, task: Task) -> _Running:
        slot = self.free.pop(0)
        receiver, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(
            target=_run, args=(task, sender, self.threads), name=task.name
        )
        with self._environment(slot), _without_ctrl_c():
            process.start()
        sender.close()
        return _Running(task, process, receiver, slot)

    @contextlib.contextmanager
    def _environment(self, slot: int) -> Iterator[None]:
        # A file such as random.py in the current folder is not a module of Python's.
        changes = dict(PYTHONSAFEPATH='1')  # before Python 3.11, it has no effect
        if self.threads is not None:
            changes['OMP_NUM_THREADS'] = str(self.threads)
        if self.gpus:
            seen = os.environ.get('CUDA_VISIBLE_DEVICES')
            names = seen.split(',') if seen else [str(i) for i in range(self.gpus)]
            changes['CUDA_VISIBLE_DEVICES'] = names[slot % self.gpus]
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Block Ctrl-C in this process for a moment, and in those that it starts for good.

    A terminal sends it to all of them, and they would print tracebacks while they
    import. This process ends them.
    """
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it unblocks Ctrl-C when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(task: Task, sender: Connection, threads: int | None) -> None:
    """Main function of a process: run a task and report its result."""
    import torch

    enter_plain_data()
    if hasattr(signal, 'pthread_sigmask'):  # also if the server had started before
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if threads is not None:
        torch.set_num_threads(threads)
    warnings.simplefilter('ignore')
    error = None
    try:
        task.function(*task.arguments, Report(sender.send))
    except KeyboardInterrupt:
        error = 'interrupted'
    except BaseException as caught:
        error = one_line(caught)
    with contextlib.suppress(OSError):
        sender.send(('ended', error))
    sender.close()
    sys.exit(0 if error is None else 1)


def _end_with_parent() -> None:
    """End with the parent, whose killing would otherwise leave trainings running."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def one_line(error: BaseException) -> str:
    """The message of an exception on one line.

    An error from a worker of a data loader contains a traceback; its last line counts.
    """
    lines = [line.strip() for line in str(error).strip().splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return type(error).__name__
    if 'PytorchStreamWriter failed' in str(error):  # the rest is C++ source locations
        return 'A checkpoint cannot be written: is there room on the disk?'
    text = lines[-1] if 'Original Traceback' in str(error) else ' '.join(lines)
    known = isinstance(error, ValueError | TypeError | OSError)
    return text if known else f'{type(error).__name__}: {text}'
