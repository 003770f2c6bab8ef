"""Tasks in separate processes: a failure does not affect the others."""

import os
import signal
import subprocess
import sys

import pytest

from mmgala.comparison.processes import Task, one_line, run_tasks
from tests.comparison import tasks
from tests.tools.command_line import environment

pytestmark = pytest.mark.slow


class Notes:
    """Records the calls of an observer."""

    def __init__(self):
        self.shares = []
        self.told_lines = []
        self.ends = {}

    def started(self, name):
        pass

    def advanced(self, name, share, what=''):
        self.shares.append((name, share, what))

    def told(self, name, line):
        self.told_lines.append((name, line))

    def ended(self, name, seconds, error):
        self.ends[name] = error


def test_failures_do_not_affect_the_others(tmp_path):
    notes = Notes()
    path = tmp_path / 'pid'
    failed = run_tasks(
        [
            Task('fails', tasks.fail),
            Task('dies', tasks.die),
            Task('leaves', tasks.leave),
            Task('succeeds', tasks.write_name, (path,)),
        ],
        2,
        notes,
    )
    assert failed == {
        'fails': 'two lines',
        'dies': 'its process was killed by signal 9: out of memory?',
        'leaves': 'its process ended with status 3',
    }
    assert notes.ends == {**failed, 'succeeds': None}
    assert notes.shares == [('succeeds', 0.5, 'half')]
    assert notes.told_lines == [('succeeds', 'a line')]
    assert int(path.read_text()) != os.getpid()


def test_a_task_waits_for_what_it_starts_from(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    notes = Notes()
    failed = run_tasks(
        [
            Task('second', tasks.write_name, (second,), after=('first',)),
            Task('never', tasks.write_name, (tmp_path / 'never',), after=('fails',)),
            Task('nor', tasks.write_name, (tmp_path / 'nor',), after=('never',)),
            Task('fails', tasks.fail),
            Task('first', tasks.write_name, (first,)),
        ],
        2,
        notes,
    )
    assert set(failed) == {'fails', 'never', 'nor'}
    assert failed['never'] == 'fails failed, which it starts from'
    assert first.stat().st_mtime_ns <= second.stat().st_mtime_ns
    assert not (tmp_path / 'never').exists()
    order = list(notes.ends)
    assert order.index('first') < order.index('second')


def test_workers_are_at_work_at_the_same_time(tmp_path):
    a, b = tmp_path / 'a', tmp_path / 'b'
    pair = [Task('a', tasks.meet, (a, b)), Task('b', tasks.meet, (b, a))]
    assert run_tasks(pair, 2, Notes()) == {}


def test_ctrl_c_is_left_to_the_process_that_started_the_others(tmp_path):
    task = Task('interrupted', tasks.interrupt, (tmp_path / 'survived',))

    assert run_tasks([task], 1, Notes()) == {}
    assert (tmp_path / 'survived').exists()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.skipif(sys.version_info < (3, 11), reason='PYTHONSAFEPATH is of 3.11')
def test_files_of_the_current_folder_are_no_modules(tmp_path):
    """`mmgala retrain ... random.pth` writes random.py, for example."""
    trap = tmp_path / 'trap'
    for name in ('random', 'json', 'struct'):
        (tmp_path / f'{name}.py').write_text(f"open({str(trap)!r}, 'w')")
    script = tmp_path / 'scripts' / 'run.py'
    script.parent.mkdir()
    script.write_text(f"""
from mmgala.comparison.processes import Task, run_tasks
from tests.comparison import tasks
from tests.comparison.test_processes import Notes
if __name__ == '__main__':
    task = Task('task', tasks.write_name, ({str(tmp_path / 'done')!r},))
    assert run_tasks([task], 1, Notes()) == {{}}
""")
    subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment(), check=True
    )

    assert (tmp_path / 'done').exists()
    assert not trap.exists()


@pytest.mark.parametrize(
    ('error', 'text'),
    [
        (ValueError('a\n  b'), 'a b'),
        (RuntimeError('a'), 'RuntimeError: a'),
        (KeyboardInterrupt(), 'KeyboardInterrupt'),
        (ValueError('In worker 0.\nOriginal Traceback\nOSError: reason'),
         'OSError: reason'),
        (RuntimeError('[enforce fail at x.cc:1] . PytorchStreamWriter failed'),
         'A checkpoint cannot be written: is there room on the disk?'),
    ],
)  # fmt: skip
def test_errors_are_one_line(error, text):
    assert one_line(error) == text
