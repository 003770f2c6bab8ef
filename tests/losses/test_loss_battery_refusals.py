"""Every loss refuses invalid input and arguments in one line."""

import inspect

import pytest
import torch

from tests.losses.battery import batch, refused
from tests.losses.loss_cases import (
    CASES,
    NUM_CLASSES,
)


def test_avg_factor_with_a_sum_is_refused_as_mmpretrain_does(case):
    with pytest.raises(ValueError, match=r"avg_factor=.*'sum': use 'mean'"):
        case.warmed_up(reduction='sum')(*batch(), avg_factor=3.0)


def test_seesaw_refuses_soft_labels():
    message = 'needs class indices, not soft labels. Take mixup and CutMix out'
    refused(CASES['seesaw'].warmed_up(), message, *batch('soft'))


LOGITS = torch.zeros(2, NUM_CLASSES)
LABELS = torch.tensor([0, 1])
BAD_CALLS = dict(
    vector=(r'shape', torch.zeros(NUM_CLASSES), LABELS),
    other_classes=('num_classes=6, but', torch.zeros(2, 5), LABELS),
    integer_logits=('to be a floating tensor', LOGITS.long(), LABELS),
    more_labels=(r'indices of shape \(2,\)', LOGITS, torch.tensor([0, 1, 2])),
    integer_one_hot=('Soft labels must be floating', LOGITS, LOGITS.long()),
    soft_shape=(r'shape of the logits, \(2, 6\)', LOGITS, torch.full((2, 5), 0.2)),
    too_large=('between 0 and 5 .*got 6', LOGITS, torch.tensor([0, 6])),
    negative=('between 0 and 5 .*got -1', LOGITS, torch.tensor([-1, 0])),
    no_shares=('rows that sum to 1', LOGITS, torch.ones(2, NUM_CLASSES)),
)


@pytest.mark.parametrize('bad', BAD_CALLS)
def test_invalid_input_is_refused_in_one_line(case, bad):
    refused(case.warmed_up(), *BAD_CALLS[bad])


def test_unknown_reductions_are_refused(case):
    with pytest.raises(ValueError, match=r"`reduction` to be one of .*'avg'"):
        case.build(reduction='avg')
    call = dict(reduction_override='avg')
    refused(case.build(), "`reduction` to be one of .*'avg'", LOGITS, LABELS, **call)


@pytest.mark.parametrize('num_classes', [1, 0])
def test_fewer_than_two_classes_are_refused(case, num_classes):
    message = f'`num_classes` to be 2 or more, but got {num_classes}'
    with pytest.raises(ValueError, match=message):
        case.loss(num_classes)


STRENGTHS = [
    (name, argument)
    for name, case in CASES.items()
    for argument in ('tau', 'gamma', 'p', 'q', 'noise_scale', 'margin', 'max_margin')
    if argument in case.arguments
]


@pytest.mark.parametrize('value', [-1.0, float('nan'), float('inf')])
@pytest.mark.parametrize(('name', 'argument'), STRENGTHS)
def test_a_strength_out_of_range_is_refused(name, argument, value):
    with pytest.raises(ValueError, match=f'`{argument}` to be 0 or more, but got'):
        CASES[name].build(counts=None, **{argument: value})


POSITIVE = [
    (name, argument)
    for name, case in CASES.items()
    for argument in ('eps', 'scale')
    if argument in inspect.signature(case.loss).parameters
]


@pytest.mark.parametrize('value', [0.0, -1e-3, float('nan')])
@pytest.mark.parametrize(('name', 'argument'), POSITIVE)
def test_a_scale_or_eps_that_is_not_positive_is_refused(name, argument, value):
    with pytest.raises(ValueError, match=f'`{argument}` to be positive, but got'):
        CASES[name].build(**{argument: value})
