"""Run on 1, 2 and 4 ranks: the same results, and no process survives its launcher."""

import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

from benchmarks.reliability.bad_inputs.material import Material
from benchmarks.reliability.processes import run_tool, start_tool, wait_for
from benchmarks.reliability.signals import left_over
from benchmarks.reliability.trials import Outcome, Part, Trial

RANKS = (1, 2, 4)
STEPS = {
    'raw scores': (),
    're-balanced': ('--rebalance', '--tau', 'auto'),
    'adjusted and scaled': ('--logit-adjustment', '1', '--temperature', 'auto'),
}
# A number of samples that neither 2 nor 4 ranks share equally.
ODD = ('--cfg-options', 'test_dataloader.dataset.indices=497')
TOLERANCE = 1e-4  # percentage points
SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}
LONG = ('--work-dir', 'x', '--cfg-options', 'train_cfg.max_epochs=999')


def metrics(folder: Path, ranks: int, flags: tuple[str, ...]) -> dict[str, float]:
    """Metrics of the test set on so many ranks."""
    command = ('tools/dist_test.sh', 'config.py', 'weights.pth', str(ranks))
    end = ('--work-dir', 'x', '--out', f'{ranks}.json', *flags, *ODD)
    ended = run_tool((*command, *end), 600, cwd=folder)
    if ended.status != 0:
        raise RuntimeError(ended.last_line)
    return json.loads((folder / f'{ranks}.json').read_text())


def plan(folder: Path) -> list[Trial]:
    """Agreement of the ranks, and signals to their launcher."""
    material = Material(folder / 'good')
    trials, lock = [], threading.Lock()
    alone: dict[str, dict[str, float]] = {}

    def agree(name: str, ranks: int, own: Path) -> Outcome:
        material.copy_to(own)
        with lock:
            if name not in alone:
                alone[name] = metrics(own, 1, STEPS[name])
        found = metrics(own, ranks, STEPS[name])
        gaps = {key: abs(found[key] - value) for key, value in alone[name].items()}
        worst = max(gaps, key=lambda key: gaps[key])
        return Outcome(
            found.keys() == alone[name].keys() and gaps[worst] <= TOLERANCE,
            f'{len(gaps)} metrics, differences up to {gaps[worst]:.1e} ({worst})',
            'other results',
        )

    def end(ranks: int, number: signal.Signals, own: Path) -> Outcome:
        material.copy_to(own)
        command = ('tools/dist_train.sh', 'config.py', str(ranks), *LONG)
        process = start_tool(command, own)
        limit = time.monotonic() + 300
        while not (own / 'x' / 'epoch_1.pth').exists() and time.monotonic() < limit:
            time.sleep(0.05)
        os.kill(process.pid, number)
        ended = wait_for(process, 60)
        left = left_over(own)
        seen = f'status {ended.status}, {ended.seconds:.1f} s, {len(left)} left'
        ok = ended.status == SIGNALS[number] and not left and not ended.fault
        return Outcome(ok, seen, ended.fault or 'left over', ended.seconds)

    for ranks in RANKS[1:]:
        for name in STEPS:
            trials.append(
                Trial(
                    f'{name}, {ranks} ranks',
                    f'the metrics of one rank, to {TOLERANCE} percentage points',
                    partial(agree, name, ranks),
                    'metrics agree',
                )
            )
        for number, status in SIGNALS.items():
            trials.append(
                Trial(
                    f'{number.name} to the launcher of {ranks} ranks',
                    f'status {status} and no process left within 5 s',
                    partial(end, ranks, number),
                    'all processes end',
                )
            )
    return trials


PART = Part('1, 2 and 4 ranks', plan)
