"""The core in PyTorch alone: every other library is blocked in a process of its own.

In an environment with torch, numpy and pytest only, these pass too, and so do the tests
in `functional`, `losses`, `modules` and `post_hoc`.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import mmgala
from tests.core_alone import BLOCKED, NUM_CLASSES, RANKED, STEPS, batch, model_with
from tests.losses.loss_cases import CASES, COUNTS
from tests.reference import post_hoc_numpy, rebalance_numpy
from tests.reference.gala_numpy import Gala, one_hot

pytestmark = pytest.mark.slow

# Tests against references in NumPy; the rest of their files compares with libraries.
REFERENCES = (
    'tests/losses/test_losses_reference.py',
    'tests/losses/test_gala_loss_parity.py',
    'tests/post_hoc',
)
BLOCK = """
import sys
for name in {names}:
    sys.modules[name] = None
import pytest
sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *{paths}]))
"""


@pytest.fixture(scope='module')
def found(repository):
    result = subprocess.run(
        [sys.executable, '-m', 'tests.core_alone'],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_public_name_of_the_core_is_imported(found):
    assert found['names'] == sorted(mmgala.__all__)
    assert found['imported'] == []


@pytest.mark.parametrize('name', CASES)
def test_a_training_continues_from_its_state_dict(found, name):
    losses, restored = found['trainings'][name]
    assert np.isfinite(losses).all()
    assert restored == losses[STEPS // 2 :]


@pytest.mark.parametrize(
    'name', ['balanced_softmax', 'logit_adjustment', 'ldam', 'label_aware_smoothing']
)
def test_the_first_loss_is_that_of_the_formula(found, name):
    case, (features, target) = CASES[name], batch(0)
    logits = model_with(case.build())['fc'](features).detach().double()
    shares = one_hot(target.numpy(), NUM_CLASSES)
    expected = case.formula(logits.numpy(), shares, COUNTS).mean()
    assert found['trainings'][name][0][0] == pytest.approx(expected, rel=1e-5)


def test_gala_trains_by_the_formula(found):
    """The reference has its own gradient of the logits, and SGD is done by hand."""
    reference = Gala(NUM_CLASSES, 1.2, 0.9, 'paper')
    layer = model_with(CASES['gala'].build())['fc'].double()
    weight, bias = (p.detach().numpy().copy() for p in layer.parameters())
    for step, loss in enumerate(found['trainings']['gala'][0]):
        features, target = (part.numpy() for part in batch(step))
        losses, grad = reference.step(features @ weight.T + bias, target)
        assert loss == pytest.approx(losses.mean(), rel=1e-4)
        weight -= 0.1 * grad.T @ features / len(target)
        bias -= 0.1 * grad.mean(axis=0)


def test_post_hoc_steps_are_those_of_the_formulas(found):
    after = found['after_training']
    scores = np.array(after['scores'])
    mass = scores.sum(axis=0)
    expected = rebalance_numpy.rebalance(scores, 1.2, mass)
    np.testing.assert_allclose(after['rebalanced'], expected, rtol=1e-4)
    expected = post_hoc_numpy.temperature_scale(np.log(expected), 1.5)
    np.testing.assert_allclose(after['chained'], expected, rtol=1e-4)
    assert after['counts'] == [1, 1, 128]
    adjusted = scores / np.array(after['counts'])
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after['adjusted'], adjusted, rtol=1e-4)


def test_metrics_are_those_of_counting(found):
    after = found['after_training']
    right = np.array(after['scores']).argmax(axis=1) == np.arange(60) % 3
    of_class = 100 * right.reshape(20, 3).mean(axis=0)
    assert after['metrics']['top1'] == pytest.approx(of_class.mean())
    assert after['metrics']['few'] == pytest.approx(of_class[:2].mean())
    assert after['metrics']['many'] == pytest.approx(of_class[2])


@pytest.mark.parametrize('name', RANKED)
def test_two_ranks_have_the_statistics_of_one_process(found, name):
    first, second = (ranks[name] for ranks in found['distributed']['ranks'])
    assert first == second
    alone = found['distributed']['alone'][name]
    assert first.keys() == alone.keys()
    for key, value in alone.items():
        if not key.endswith('_low'):  # what rounding cuts off depends on the order
            assert torch.tensor(value).max() > 0
            assert_close(torch.tensor(first[key]), torch.tensor(value))


def test_references_pass_without_any_other_library(repository):
    result = subprocess.run(
        [sys.executable, '-c', BLOCK.format(names=sorted(BLOCKED), paths=REFERENCES)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert 'passed' in result.stdout.splitlines()[-1]
