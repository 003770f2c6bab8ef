"""Send Ctrl-C and SIGTERM to every tool, at random moments."""

import os
import random
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

from benchmarks.reliability.bad_inputs.material import Material
from benchmarks.reliability.processes import run_tool, start_tool, wait_for
from benchmarks.reliability.trials import Outcome, Part, Trial

LIMIT = 3.0  # seconds in which a tool must end
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
TEST = ('config.py', 'weights.pth')
TOOLS: dict[str, tuple[str, ...]] = {
    'train': (
        'config.py', '--work-dir', 'x', '--cfg-options', 'train_cfg.max_epochs=99',
    ),
    'train with workers': (
        'config.py', '--work-dir', 'x', '--cfg-options', 'train_cfg.max_epochs=99',
        'train_dataloader.num_workers=2', 'train_dataloader.persistent_workers=True',
    ),
    'test': (*TEST, '--work-dir', 'x', '--out', 'x.npz'),
    'compare': ('config.py', '--work-dir', 'x', '--workers', '2'),
    'retrain_classifier': (*TEST, 'x.pth', '--method', 'crt', '--epochs', '99'),
    'fit_rebalancer': (*TEST, 'x.pth', '--tau', 'auto'),
    'export': (*TEST, 'x.pt2'),
    'prepare_data': ('cifar10', '--root', 'x', '--dry-run'),
    'analysis/class_vectors': (*TEST, '--out', 'x.json'),
    'analysis/evaluate_predictions': ('test.npz', '--out', 'x'),
    'analysis/gradient_report': ('run', '--out', 'x'),
    'analysis/report': ('run', '--out', 'x.html'),
}  # fmt: skip
DIST = {'train': 1, 'test': 2}  # number of arguments before that of ranks


class Durations:
    """How long each command runs undisturbed, at most a minute."""

    def __init__(self, material: Material, folder: Path) -> None:
        self._material, self._folder = material, folder
        self._found: dict[str, float] = {}
        self._lock = threading.Lock()

    def of(self, name: str, command: tuple[str, ...]) -> float:
        """Seconds of a command, measured once."""
        with self._lock:
            if name not in self._found:
                folder = self._folder / name.replace('/', '_').replace(' ', '_')
                self._material.copy_to(folder)
                self._found[name] = run_tool(command, 30, cwd=folder).seconds
            return self._found[name]


def left_over(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder, after a moment."""
    for _ in range(20):
        found = [
            pid
            for pid in os.listdir('/proc')
            if pid.isdigit() and _works_in(pid, folder)
        ]
        if not found:
            return []
        time.sleep(0.25)
    listed = subprocess.run(
        ['ps', '-wwo', 'args=', '-p', ','.join(found)], capture_output=True, text=True
    )
    return listed.stdout.splitlines()


def _works_in(pid: str, folder: Path) -> bool:
    try:
        return Path(os.readlink(f'/proc/{pid}/cwd')) == folder
    except OSError:
        return False


def send(
    command: tuple[str, ...], folder: Path, delay: float, number: signal.Signals
) -> Outcome:
    """Start a command, send a signal after a while, and see how it ends.

    Ctrl-C is sent to all processes, as by a terminal, and SIGTERM to the first.
    """
    process = start_tool(command, folder)
    time.sleep(delay)
    if process.poll() is not None:
        wait_for(process, 1)
        return Outcome(False, 'it had ended before', 'too late')
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    ended = wait_for(process, 60)
    lines = [line for line in ended.err.splitlines() if line.startswith('error:')]
    seen = f'status {ended.status}, {len(lines)} lines, after {ended.seconds:.1f} s'
    left = left_over(folder)
    fault = ended.fault
    if not fault and ended.status == 0:
        return Outcome(False, 'it had ended before', 'too late')
    if not fault and ended.status != STATUS[number]:
        fault = 'status'
    if not fault and len(lines) != 1:
        fault = 'lines'
    if not fault and ended.seconds > LIMIT:
        fault = 'slow'
    if not fault and left:
        fault, seen = 'left over', f'{seen}; left: {left[0]}'
    return Outcome(not fault, seen, fault, ended.seconds)


def commands() -> dict[str, tuple[str, ...]]:
    """Every tool with arguments, and those for several ranks, by name."""
    found = {}
    for name, arguments in TOOLS.items():
        found[name] = (f'tools/{name.partition(" ")[0]}.py', *arguments)
    for name, places in DIST.items():
        first, rest = TOOLS[name][:places], TOOLS[name][places:]
        found[f'dist_{name}, 2 ranks'] = (f'tools/dist_{name}.sh', *first, '2', *rest)
    return found


def plan(folder: Path) -> list[Trial]:
    """Each tool, signal and part of the run."""
    material, trials = Material(folder / 'good'), []
    durations = Durations(material, folder)

    def attempt(name: str, number: signal.Signals, early: bool, own: Path) -> Outcome:
        rng = random.Random(f'{name} {number} {early}')
        command = commands()[name]
        seconds = durations.of(name, command)
        material.copy_to(own)
        share = rng.uniform(0.1, 0.3) if early else rng.uniform(0.5, 0.9)
        for _ in range(5):  # earlier, if it was too late
            outcome = send(command, own, share * seconds, number)
            if outcome.fault != 'too late':
                break
            share *= 0.7
        return outcome

    for name in commands():
        for number, status in STATUS.items():
            for early, when in ((True, 'importing'), (False, 'working')):
                trials.append(
                    Trial(
                        f'{name}, {number.name}, {when}',
                        f'status {status}, one line, within {LIMIT:.0f} s',
                        partial(attempt, name, number, early),
                        number.name,
                    )
                )
    return trials


PART = Part('Ctrl-C and SIGTERM', plan)
