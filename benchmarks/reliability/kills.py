"""Kill tools at random moments, run them again, and compare what they made."""

import hashlib
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.reliability.bad_inputs.material import CONFIG, Material
from benchmarks.reliability.forked_tools import ERR, OUT, start_call, wait_for_call
from benchmarks.reliability.processes import Ended, kill_group, start_tool, wait_for
from benchmarks.reliability.trials import Outcome, Part, Trial
from mmgala.utils.checkpoint import read_checkpoint

ATTEMPTS = 8  # to kill a run before it ends
LIMIT = 600.0  # seconds for one run on a busy machine
FASHION = Path('/usr/share/datasets/fashion-mnist')  # of Debian
EXPECTED = 'the files of an undisturbed run, bit for bit, and no others'
SETTINGS = """
train_cfg = dict(max_epochs=4, val_interval=1)
default_hooks = dict(checkpoint=dict({checkpoint}))
"""


@dataclass(frozen=True)
class Work:
    """A command to kill.

    Attributes:
        group: name of its group of trials.
        trials: how many times to kill it.
        arguments: tool and arguments.
        products: pattern of the files to compare.
        again: further arguments when it is run again.
        checkpoint: options of the checkpoint hook.
        forked: whether to fork it from a server; the tool must start no server itself.
    """

    group: str
    trials: int
    arguments: tuple[str, ...]
    products: str
    again: tuple[str, ...] = ()
    checkpoint: str = 'max_keep_ckpts=1'
    forked: bool = True


TRAIN = ('tools/train.py', 'config.py', '--work-dir', 'out')
COMPARE = ('tools/compare.py', 'config.py', '--work-dir', 'out', '--seeds', '1')
RETRAIN = ('tools/retrain_classifier.py', 'config.py', 'weights.pth', 'out/x.pth')
PREPARE = ('tools/prepare_data.py', 'fashion-mnist', '--root', 'out', '--source')
BEST = "max_keep_ckpts=1, save_best='accuracy/class_mean', rule='greater'"
WORKS = (
    Work('train, keep 1', 12, TRAIN, '*.pth', ('--resume',)),
    Work('train, keep 2', 8, TRAIN, '*.pth', ('--resume',), 'max_keep_ckpts=2'),
    Work('train, keep the best', 8, TRAIN, '*.pth', ('--resume',), BEST),
    Work('compare', 6, (*COMPARE, '--workers', '1'), '*/seed0/*.*z*', forked=False),
    Work('retrain', 6, (*RETRAIN, '--method', 'crt', '--epochs', '3'), '*.pth'),
    Work('prepare', 6, (*PREPARE, str(FASHION)), '*'),
)


def digest(path: Path) -> str:
    """Digest of the tensors of a checkpoint, the arrays of a file, or its bytes."""
    value = hashlib.sha256()
    if path.suffix == '.pth':
        state = read_checkpoint(path)['state_dict']
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
    elif path.suffix == '.npz':
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
    else:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    for name in sorted(arrays):
        value.update(name.encode() + arrays[name].tobytes())
    return value.hexdigest()


class Reference:
    """An undisturbed run, made when it is first needed."""

    def __init__(self, work: Work, material: Material, folder: Path) -> None:
        self.work, self._material, self._folder = work, material, folder
        self._lock = threading.Lock()
        self.products: dict[str, str] = {}
        self.seconds = 0.0

    def prepare(self, folder: Path) -> None:
        """Copy the material, and write the config."""
        self._material.copy_to(folder)
        settings = SETTINGS.format(checkpoint=self.work.checkpoint)
        (folder / 'config.py').write_text(CONFIG + settings)

    def make(self) -> None:
        """Run it once."""
        with self._lock:
            if self.products:
                return
            self._folder.mkdir()
            self.prepare(self._folder)
            ended = run(self.work, self._folder, self.work.arguments)
            if ended.status != 0:
                raise RuntimeError(f'{self.work.group} failed: {ended.last_line}')
            self.seconds = ended.seconds
            self.products = products(self.work, self._folder)


def products(work: Work, folder: Path) -> dict[str, str]:
    """Digests of the files to compare, by path."""
    out = folder / 'out'
    files = sorted(path for path in out.glob(work.products) if path.is_file())
    return {str(path.relative_to(out)): digest(path) for path in files}


def run(
    work: Work,
    folder: Path,
    arguments: tuple[str, ...],
    kill: Callable[[], None] | None = None,
) -> Ended:
    """Run a command to its end, or until ``kill`` returns."""
    start = time.monotonic()
    for name in (OUT, ERR):
        (folder / name).unlink(missing_ok=True)
    if work.forked:
        process = start_call(arguments, folder)
        if kill is not None:
            kill()
            kill_group(process)
        return wait_for_call(process, folder, start, LIMIT)
    started = start_tool(arguments, folder)
    if kill is not None:
        kill()
        kill_group(started)
    return wait_for(started, LIMIT)


def random_moment(rng: random.Random, folder: Path, seconds: float) -> None:
    """Wait for a random time, or until a random file is being written."""
    end = time.monotonic() + seconds
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0.05, 0.95) * seconds)
        return
    wanted, seen = rng.randint(1, 5), set[str]()
    while len(seen) < wanted and time.monotonic() < end:
        for _, folders, _ in os.walk(folder / 'out'):
            seen |= {name for name in folders if name.endswith('.partial')}
        time.sleep(0.0005)
    time.sleep(rng.uniform(0, 0.01))


def try_to_kill(reference: Reference, seed: int, folder: Path) -> Outcome:
    """Kill a run once or twice, run it to its end, and compare."""
    reference.make()
    work, rng = reference.work, random.Random(f'{reference.work.group} {seed}')
    arguments, seconds, kills = work.arguments, reference.seconds, 0
    wanted = rng.choice((1, 1, 2))
    for _ in range(ATTEMPTS):
        if kills == wanted:
            break
        if kills == 0:
            shutil.rmtree(folder / 'out', ignore_errors=True)
            reference.prepare(folder)
        moment = partial(random_moment, rng, folder, seconds)
        ended = run(work, folder, arguments, moment)
        seconds *= 0.6  # less is left to do, or it was faster than the kill
        if ended.status != 0:
            kills += 1
            arguments = (*work.arguments, *work.again)
    if kills == 0:
        return Outcome(False, 'it ended before each kill', 'not killed')
    ended = run(work, folder, arguments)
    if ended.fault or ended.status != 0:
        fault = ended.fault or 'not continued'
        return Outcome(False, f'after {kills} kills: {ended.last_line}', fault)
    found = products(work, folder)
    if found != reference.products:
        differing = sorted(set(found.items()) ^ set(reference.products.items()))
        names = ', '.join(sorted({name for name, _ in differing}))
        return Outcome(False, f'after {kills} kills: {names} differ', 'other results')
    left = [path.name for path in (folder / 'out').rglob('.*') if path.name != '.lock']
    if left:
        return Outcome(False, f'after {kills} kills, left: {left[0]}', 'left over')
    return Outcome(True, f'{kills} kills, equal')


def plan(folder: Path) -> list[Trial]:
    """Several trials of each command."""
    material = Material(folder / 'good')
    trials = []
    for work in WORKS:
        if work.group == 'prepare' and not FASHION.is_dir():
            continue
        reference = Reference(work, material, folder / work.group)
        for number in range(work.trials):
            attempt = partial(try_to_kill, reference, number)
            name = f'{work.group}, {number + 1}'
            trials.append(Trial(name, EXPECTED, attempt, work.group))
    return trials


PART = Part('SIGKILL at random moments', plan)
