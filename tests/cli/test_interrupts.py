"""Signals end a tool in one line, at any moment, and leave no process."""

import ast
import os
import signal
import subprocess
import sys
import time

import pytest

from mmgala.cli.main import COMMANDS
from tests.tools.command_line import ROOT, environment

LINES = {
    signal.SIGINT: (130, 'error: interrupted; run the same command again.\n'),
    signal.SIGTERM: (143, 'error: terminated; run the same command again.\n'),
}
START = """
import sys
sys.modules['__main__'].__file__ = sys.argv[1]  # as if it were one of our tools
from mmgala.cli.command import command
import multiprocessing, threading, time
"""
# What a tool is doing when the signal arrives.
MOMENTS = {
    'importing': "print('ready', flush=True)\ntime.sleep(100)",
    'working': """
@command
def main():
    print('ready', flush=True)
    time.sleep(100)
main()
""",
    'in a library that catches errors': """
@command
def main():
    print('ready', flush=True)
    try:
        time.sleep(100)
    except BaseException as error:
        raise RuntimeError('a worker has ended') from error
main()
""",
    'stuck': """
@command
def main():
    print('ready', flush=True)
    while True:
        try:
            time.sleep(100)
        except BaseException:
            pass
main()
""",
    'waiting for a child': """
def sleep():
    time.sleep(100)
@command
def main():
    child = multiprocessing.get_context('fork').Process(target=sleep, daemon=True)
    child.start()
    print(child.pid, 'ready', sep='\\n', flush=True)
    child.join()
main()
""",
}


def start(script, **env):
    process = subprocess.Popen(
        [sys.executable, '-c', START + script, str(ROOT / 'tools' / 'x.py')],
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    printed = []
    while 'ready\n' not in printed:
        printed.append(process.stdout.readline())
    return process, printed


@pytest.mark.parametrize('number', LINES, ids=str)
@pytest.mark.parametrize('moment', MOMENTS)
def test_a_signal_ends_a_tool_in_one_line(moment, number):
    process, _ = start(MOMENTS[moment])

    process.send_signal(number)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == LINES[number]


def test_ctrl_c_in_a_terminal_also_ends_the_children():
    """It reaches all processes at once."""
    process, printed = start(MOMENTS['waiting for a child'])
    child = int(printed[0])

    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == LINES[signal.SIGINT]
    end = time.monotonic() + 60
    while os.path.exists(f'/proc/{child}') and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f'/proc/{child}')


@pytest.mark.parametrize('number', LINES, ids=str)
def test_a_tool_that_has_done_its_work_ends_with_its_own_status(number):
    """Python unloads modules after it has reset the handlers of signals."""
    process, _ = start("""
class Slow:
    def __del__(self, write=sys.stdout.write, flush=sys.stdout.flush, wait=time.sleep):
        write('ready\\n')
        flush()
        wait(1)
slow = Slow()
@command
def main():
    pass
main()
""")

    process.send_signal(number)

    assert process.communicate(timeout=60)[1] == ''
    assert process.returncode == 0


def test_other_ranks_say_nothing():
    process, _ = start(MOMENTS['working'], RANK='1')

    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=60)[1] == ''
    assert process.returncode == 143


def test_with_torchrun_any_rank_may_say_it_but_only_one(tmp_path):
    """The first rank may have ended before."""
    for rank, errors in ('1', LINES[signal.SIGTERM][1]), ('0', ''):
        note = tmp_path / rank / 'error.json'
        process, _ = start(
            MOMENTS['working'], RANK=rank, TORCHELASTIC_ERROR_FILE=str(note)
        )

        process.send_signal(signal.SIGTERM)

        assert process.communicate(timeout=60)[1] == errors
        assert process.returncode == 143


def test_a_rank_ends_when_its_launcher_is_killed():
    script = START + MOMENTS['working']
    launch = f"""
import subprocess, sys
rank = subprocess.Popen([sys.executable, '-c', {script!r}, *sys.argv[1:]])
print(rank.pid, flush=True)
rank.wait()
"""
    launcher = subprocess.Popen(
        [sys.executable, '-c', launch, str(ROOT / 'tools' / 'x.py')],
        env=environment(TORCHELASTIC_RUN_ID='x'),
        stdout=subprocess.PIPE,
        text=True,
    )
    rank = int(launcher.stdout.readline())
    assert launcher.stdout.readline() == 'ready\n'

    launcher.kill()
    launcher.wait()

    end = time.monotonic() + 60
    while os.path.exists(f'/proc/{rank}') and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f'/proc/{rank}')


def test_a_program_that_is_no_tool_keeps_its_handlers():
    script = (
        'import signal; before = signal.getsignal(signal.SIGINT); '
        'import mmgala.cli.command; '
        'assert signal.getsignal(signal.SIGINT) is before'
    )
    subprocess.run([sys.executable, '-c', script], env=environment(), check=True)


@pytest.mark.parametrize(
    'program',
    [
        *sorted(ROOT.glob('tools/**/*.py')),
        ROOT / 'mmgala' / '__main__.py',
        *(ROOT / f'mmgala/cli/commands/{name}.py' for name in COMMANDS),
    ],
    ids=lambda path: f'{path.parent.name}/{path.stem}',
)
def test_programs_handle_signals_before_they_import_anything_else(program):
    module = first_import(program)
    while module not in ('mmgala.cli.command', 'mmgala.cli.interrupts'):
        module = first_import(ROOT / f'{module.replace(".", "/")}.py')


def first_import(path):
    """Name of the module that a file imports first."""
    nodes = ast.parse(path.read_text()).body
    first = next(n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)))
    if isinstance(first, ast.Import):
        return first.names[0].name
    whole = f'{first.module}.{first.names[0].name}'
    return whole if (ROOT / f'{whole.replace(".", "/")}.py').exists() else first.module


def test_handling_signals_needs_no_large_import():
    script = 'import sys, mmgala.cli.interrupts; print(*sys.modules, sep="\\n")'
    result = subprocess.run(
        [sys.executable, '-c', script],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert not {'torch', 'numpy', 'mmengine'} & set(result.stdout.split())
