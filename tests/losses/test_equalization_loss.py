"""`EqualizationLoss` draws the classes to ignore, for each sample and class."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmgala.losses import EqualizationLoss
from tests.batches import random_logits, random_target

COUNTS = [500, 300, 100, 60, 40, 0]
TAIL = [False, False, False, True, True, True]  # of a threshold of 0.1
KINDS = ['hard', 'soft']


def build(**arguments):
    """Loss of six classes, of which three are tail."""
    defaults = dict(
        num_classes=6, ignore_prob=0.7, tail_threshold=0.1, class_counts=COUNTS
    )
    return EqualizationLoss(**{**defaults, **arguments})


def test_classes_below_the_threshold_are_tail_and_those_at_it_are_not():
    assert build().tail.tolist() == TAIL
    # 7 / 100 and 0.07 are the same float64; 7 < 0.07 * 100 would hold.
    loss_module = EqualizationLoss(3, tail_threshold=0.07, class_counts=[87, 7, 6])
    assert loss_module.tail.tolist() == [False, False, True]


def test_the_default_is_for_cifar100_lt():
    counts = [int(500 * 100 ** (-c / 99)) for c in range(100)]

    loss_module = EqualizationLoss(100, class_counts=counts)

    assert loss_module.ignore_prob == 0.9
    assert int(loss_module.tail.sum()) == 52


def test_negative_gradient_on_tail_classes_is_ignored_with_its_probability():
    """Every draw is independent: of each class, of each sample, in each forward."""
    logits = torch.zeros(2000, 6, requires_grad=True)
    target = torch.zeros(2000, dtype=torch.long)
    loss_module = build(ignore_prob=0.8, reduction='sum')

    zero = []
    for _ in range(2):
        (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)
        zero.append((gradient == 0).double())

    for part in zero:
        assert (part[:, :3] == 0).all()
        # Standard error: 0.009.
        assert_close(
            part[:, 3:].mean(0), torch.full((3,), 0.8).double(), rtol=0, atol=0.04
        )
    independent = torch.full((3,), 0.64).double()  # 0.8 twice
    assert_close((zero[0] * zero[1])[:, 3:].mean(0), independent, rtol=0, atol=0.05)
    both = (zero[0] * zero[0].roll(1, dims=1))[:, [4, 5]].mean(0)
    assert_close(both, independent[:2], rtol=0, atol=0.05)


def test_expected_gradient_of_a_tail_class_is_the_share_that_is_kept():
    # One tail class, so that where it is kept the softmax is cross-entropy's.
    logits = random_logits(1, 3).repeat(20_000, 1).requires_grad_()
    target = torch.zeros(20_000, dtype=torch.long)
    loss_module = EqualizationLoss(3, 0.9, 0.1, [60, 39, 1], reduction='sum')

    (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)

    kept = F.softmax(logits[0].detach(), dim=0)[2]
    # Standard error: 0.3 / 141 of the probability.
    assert float(gradient[:, 2].mean() / kept) == pytest.approx(0.1, abs=0.01)


def test_samples_of_a_tail_class_keep_its_positive_gradient():
    logits = random_logits(200, 6).requires_grad_()
    target = torch.full((200,), 5)
    loss_module = build(ignore_prob=1.0, reduction='sum')

    (gradient,) = torch.autograd.grad(loss_module(logits, target), logits)

    others = logits.detach()[:, [0, 1, 2, 5]].softmax(dim=1)  # tail rivals are ignored
    assert_close(gradient[:, 5], others[:, 3] - 1)
    assert (gradient[:, 5] < 0).all()


def test_eval_mode_needs_no_counts_and_draws_nothing():
    loss_module = EqualizationLoss(6).eval()
    logits, target = random_logits(4, 6), random_target('hard', 4, 6)
    state = torch.get_rng_state()

    assert_close(loss_module(logits, target), F.cross_entropy(logits, target))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(ignore_prob=1.5), '`ignore_prob` to be between 0 and 1, but got 1.5'),
        (dict(tail_threshold=-1), '`tail_threshold` to be between 0 and 1, but got -1'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
