"""What is tried in each environment, outside the checkout."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stacks.environment import Environment

CONFIG = 'gala/resnet14_digits-lt.py'  # of the installed package
EPOCHS = ('train_cfg.max_epochs=2', 'train_cfg.val_interval=1')
# By hand: with theta = phi = (0, 2), eps = 1 and label 0, the margin of class 1 is
# log(2 + 1) - log(0 + 1), so the loss of equal logits is log(1 + 3).
CORE = """
import math, sys
import torch
import mmgala
from mmgala.functional import gala_loss
sums = torch.tensor([0.0, 2.0])
loss = gala_loss(torch.zeros(1, 2), torch.tensor([0]), sums, sums, eps=1.0)
assert abs(loss.item() - math.log(4)) < 1e-6, loss
from mmgala import GALALoss
module = GALALoss(num_classes=2)
logits = torch.zeros(1, 2, requires_grad=True)
module(logits, torch.tensor([0])).backward()
assert torch.allclose(logits.grad, torch.tensor([[-0.5, 0.5]]))
assert torch.allclose(module.pos_grad, torch.tensor([0.5, 0.0]))
heavy = {'mmengine', 'mmcv', 'mmpretrain', 'scipy', 'matplotlib'} & set(sys.modules)
assert not heavy, heavy
"""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: whether it worked, and the reason if not."""

    ok: bool
    text: str = ''


Trial = Callable[[Environment, Path], Outcome]


def _run(environment: Environment, work: Path, *command: str) -> Outcome:
    done = environment.run(command, work)
    (work / 'output.txt').open('a').write(f'$ {" ".join(command)}\n{done.stdout}\n')
    if done.returncode == 0:
        return Outcome(True, done.stdout)
    lines = done.stdout.strip().splitlines() or ['no output']
    return Outcome(False, f'status {done.returncode}: {lines[-1]}')


def _accuracy(outcome: Outcome) -> Outcome:
    """Fails unless the output has an accuracy above that of guessing, 10 percent."""
    found = re.findall(r'accuracy/top1: +([\d.]+)', outcome.text)
    if not outcome.ok or (found and float(found[-1]) > 10):
        return outcome
    return Outcome(False, f'no accuracy above 10 percent: {found}')


def try_core(environment: Environment, work: Path) -> Outcome:
    """Loss and statistics of one sample, with PyTorch alone."""
    return _run(environment, work, 'python', '-W', 'ignore', '-c', CORE)


def try_train(environment: Environment, work: Path) -> Outcome:
    """Two epochs on digits, with validation."""
    outcome = _run(
        environment, work, 'mmgala', 'train', CONFIG,
        '--work-dir', 'run', '--cfg-options', *EPOCHS,
    )  # fmt: skip
    return _accuracy(outcome)


def _test(environment: Environment, work: Path, *flags: str) -> Outcome:
    return _accuracy(
        _run(
            environment,
            work,
            'mmgala',
            'test',
            CONFIG,
            'run/epoch_2.pth',
            *flags,
        )  # fmt: skip
    )


def try_test(environment: Environment, work: Path) -> Outcome:
    """The checkpoint on the test set."""
    return _test(environment, work)


def try_rebalance(environment: Environment, work: Path) -> Outcome:
    """The same with re-balanced predictions; the strength is chosen."""
    return _test(environment, work, '--rebalance', '--tau', 'auto')


def try_fit(environment: Environment, work: Path) -> Outcome:
    """A checkpoint that re-balances one image at a time."""
    outcome = _run(
        environment, work, 'mmgala', 'fit', CONFIG, 'run/epoch_2.pth',
        'fitted.pth', '--tau', '1',
    )  # fmt: skip
    if outcome.ok and not (work / 'fitted.pth').is_file():
        return Outcome(False, 'fitted.pth was not written')
    return outcome


def try_retrain(environment: Environment, work: Path) -> Outcome:
    """A new classifier on the features."""
    outcome = _run(
        environment, work, 'mmgala', 'retrain', CONFIG, 'run/epoch_2.pth',
        'retrained.pth', '--method', 'crt', '--epochs', '1',
    )  # fmt: skip
    if outcome.ok and not (work / 'retrained.pth').is_file():
        return Outcome(False, 'retrained.pth was not written')
    return outcome


def try_compare(environment: Environment, work: Path) -> Outcome:
    """Cross-entropy and GALA, one seed each."""
    outcome = _run(
        environment, work, 'mmgala', 'compare', CONFIG, '--methods', 'ce',
        'gala', '--seeds', '1', '--workers', '1', '--work-dir', 'compared',
        '--cfg-options', *EPOCHS,
    )  # fmt: skip
    if not outcome.ok:
        return outcome
    results = json.loads((work / 'compared' / 'results.json').read_text())
    found = sorted({row['method'] for row in results['runs']})
    return outcome if found == ['ce', 'gala'] else Outcome(False, f'only {found}')


CORE_TRIALS: dict[str, Trial] = {'core': try_core}
OPENMMLAB_TRIALS: dict[str, Trial] = {
    'train': try_train,
    'test': try_test,
    'rebalance': try_rebalance,
    'fit': try_fit,
    'retrain': try_retrain,
    'compare': try_compare,
}
