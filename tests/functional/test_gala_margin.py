"""`gala_margin` against the formula."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mmgala.functional import gala_margin
from tests.batches import one_hot, random_statistics, random_target
from tests.reference import gala_numpy

REFERENCE = {'hard': gala_numpy.margins_hard, 'soft': gala_numpy.margins_soft}


@pytest.mark.parametrize('num_classes', [2, 7])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_margin_equals_the_formula(kind, num_classes):
    pos, neg = random_statistics(num_classes)
    target = random_target(kind, 9, num_classes)

    margin = gala_margin(pos, neg, target, lambda_pos=1.2, lambda_neg=0.9, eps=0.01)

    arguments = pos.numpy(), neg.numpy(), target.numpy()
    expected = REFERENCE[kind](*arguments, lambda_pos=1.2, lambda_neg=0.9, eps=0.01)
    assert_close(margin, torch.from_numpy(expected), rtol=1e-12, atol=1e-12)


def test_defaults_are_lambda_1_and_eps_1e_3():
    pos, neg = random_statistics(7)
    target = random_target('hard', 9, 7)
    expected = gala_numpy.margins_hard(pos.numpy(), neg.numpy(), target.numpy())
    assert_close(gala_margin(pos, neg, target), torch.from_numpy(expected))


def test_margin_of_a_one_hot_label_is_that_of_the_class_index():
    pos, neg = random_statistics(7)
    labels = random_target('hard', 9, 7)
    assert_close(
        gala_margin(pos, neg, one_hot(labels, 7), 1.2, 0.9),
        gala_margin(pos, neg, labels, 1.2, 0.9),
    )


def test_no_margin_at_the_label():
    pos, neg = random_statistics(7)
    labels = random_target('hard', 9, 7)
    margin = gala_margin(pos, neg, labels)
    assert margin[torch.arange(9), labels].tolist() == [0.0] * 9


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_margin_is_finite_before_any_class_was_seen(kind):
    zeros = torch.zeros(7)
    margin = gala_margin(zeros, zeros, random_target(kind, 9, 7), lambda_neg=0.0)
    assert torch.isfinite(margin).all()
    assert np.isclose(margin.min().item(), np.log(1e-3))


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_autocast_does_not_round_the_margin(kind):
    pos, neg = (s.float() for s in random_statistics(7))
    target = random_target(kind, 9, 7)
    with torch.autocast('cpu', torch.bfloat16):
        margin = gala_margin(pos, neg, target)
    assert torch.equal(margin, gala_margin(pos, neg, target))
