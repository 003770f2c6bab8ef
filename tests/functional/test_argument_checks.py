"""Numbers that are not finite, or out of range, are refused where they enter."""

import math

import pytest
import torch

from mmgala import functional as mf
from mmgala.functional.checks import (
    check_restored,
    check_values,
    check_whole,
    masked_weight,
    usable_weight,
)

LOGITS, TARGET, ONES = torch.zeros(3, 2), torch.tensor([0, 1, 1]), torch.ones(2)
REGIONS = torch.tensor([0, 1, 2])
SCORES = torch.full((3, 2), 0.5)
COUNTS = torch.tensor([3, 1])
# Functions, and the arguments that they take besides the checked one.
FUNCTIONS = {
    mf.gala_margin: dict(pos_grad=ONES, neg_grad=ONES, target=TARGET),
    mf.gala_loss: dict(logits=LOGITS, target=TARGET, pos_grad=ONES, neg_grad=ONES),
    mf.add_foreground_margin: dict(
        logits=torch.zeros(3, 3), target=REGIONS, pos_grad=ONES, neg_grad=ONES
    ),
    mf.logit_adjusted_loss: dict(logits=LOGITS, target=TARGET, log_prior=ONES),
    mf.clouded_loss: dict(logits=LOGITS, target=TARGET, cloud=LOGITS),
    mf.seesaw_loss: dict(logits=LOGITS, target=TARGET, seen=ONES),
    mf.effective_number_weights: dict(class_counts=COUNTS),
    mf.ldam_margins: dict(class_counts=COUNTS),
    mf.smoothing_factors: dict(class_counts=COUNTS, head=0.1, tail=0.1),
    mf.vector_scaling_factors: dict(class_counts=COUNTS, gamma=0.5),
    mf.rebalance: dict(scores=SCORES),
    mf.logit_adjustment: dict(scores=SCORES, class_counts=COUNTS),
    mf.log_prior_adjustment: dict(class_mass=ONES),
    mf.log_count_adjustment: dict(class_counts=COUNTS),
    mf.temperature_scale: dict(scores=SCORES),
    mf.long_tailed_counts: dict(num_classes=3, max_count=9, imbalance_factor=3),
}
NUMBERS = [
    *((f, n) for f in list(FUNCTIONS)[:3] for n in ('lambda_pos', 'lambda_neg', 'eps')),
    *((f, n) for f in list(FUNCTIONS)[:3] for n in ('pos_grad', 'neg_grad')),
    (mf.logit_adjusted_loss, 'tau'),
    (mf.clouded_loss, 'margin'),
    *((mf.seesaw_loss, name) for name in ('p', 'q', 'eps')),
    (mf.effective_number_weights, 'beta'),
    (mf.ldam_margins, 'max_margin'),
    *((mf.smoothing_factors, name) for name in ('head', 'tail')),
    (mf.vector_scaling_factors, 'gamma'),
    *((f, 'tau') for f in list(FUNCTIONS)[10:14]),
    (mf.temperature_scale, 'temperature'),
    *((mf.long_tailed_counts, name) for name in ('max_count', 'imbalance_factor')),
    *(
        (function, name)
        for function, others in FUNCTIONS.items()
        for name in ('class_counts', 'class_mass')
        if name in others
    ),
]


@pytest.mark.parametrize('value', [math.nan, math.inf, -1.0])
@pytest.mark.parametrize(
    ('function', 'name'), NUMBERS, ids=[f'{f.__name__}-{n}' for f, n in NUMBERS]
)
def test_numbers_that_are_not_finite_or_negative_are_refused(function, name, value):
    others = FUNCTIONS[function]
    tensor = isinstance(others.get(name), torch.Tensor)
    bad = torch.tensor([1.0, value]) if tensor else value
    with pytest.raises(ValueError, match=rf'{name}.* {value:g}'):
        function(**{**others, name: bad})


@pytest.mark.parametrize('function', list(FUNCTIONS)[:3])
def test_eps_of_0_is_refused(function):
    with pytest.raises(ValueError, match='`eps` to be positive, but got 0'):
        function(**FUNCTIONS[function], eps=0.0)


@pytest.mark.parametrize('value', [0.0, 1e-300, 1e300])
def test_temperatures_that_overflow_are_refused(value):
    with pytest.raises(ValueError, match='`temperature` .*but got'):
        mf.temperature_scale(SCORES, value)


@pytest.mark.parametrize('value', [1e-6, 1e6])
def test_scores_at_the_limits_of_the_temperature_are_probabilities(value):
    scores = torch.tensor([[1.0, 0.0, 0.0], [1e-30, 0.4, 0.6]])
    scaled = mf.temperature_scale(scores, value)
    torch.testing.assert_close(scaled.sum(dim=1), torch.ones(2))
    assert torch.equal(scaled.argmax(dim=1), torch.tensor([0, 2]))


@pytest.mark.parametrize('value', [math.nan, math.inf, -1])
def test_class_counts_of_shot_groups_are_checked(value):
    with pytest.raises(ValueError, match=f'`class_counts` .*but got {value}'):
        mf.shot_groups([5.0, value])


@pytest.mark.parametrize('value', [math.nan, math.inf, 1.5])
def test_shot_thresholds_must_be_whole_numbers(value):
    with pytest.raises(TypeError, match=f'`many` to be an integer, but got {value}'):
        mf.shot_groups([5], many=value)


@pytest.mark.parametrize('value', [0, -3, 1.5, math.nan, True, None])
def test_a_number_of_things_is_a_whole_number(value):
    with pytest.raises(ValueError, match=f'`n` to be an integer of 1.*got {value}'):
        check_whole('n', value)


def test_the_first_bad_value_is_named():
    with pytest.raises(ValueError, match='`x` .*but got -2'):
        check_values('x', torch.tensor([[1, 0], [-2, -3]]))


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_low_order_parts_may_be_negative_but_not_infinite(value):
    check_restored('x', torch.tensor([-1.0]), signed=True)
    with pytest.raises(ValueError, match=f'`x` .*but got {value:g}.*checkpoint'):
        check_restored('x', torch.tensor([value]), signed=True)


@pytest.mark.parametrize('value', [math.nan, math.inf, -1.0])
def test_sample_weights_are_checked(value):
    weight = torch.tensor([0.0, 2.0, value])
    with pytest.raises(ValueError, match=f'`weight` .*but got {value:g}'):
        usable_weight(weight)
    assert masked_weight(weight).tolist() == [0, 2, 0]
