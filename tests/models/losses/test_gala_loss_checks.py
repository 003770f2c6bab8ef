"""Bad input to `GALALoss` is refused with a message that helps."""

import pytest
import torch

from mmgala.models import GALALoss


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more, but got 1'),
        (dict(variant='Paper'), r"`variant` to be one of \('paper', .*got 'Paper'"),
        (dict(reduction='avg'), r"`reduction` to be one of \('none',.*got 'avg'"),
        (dict(eps=0.0), '`eps` to be positive, but got 0.0'),
        (dict(eps=-1e-3), '`eps` to be positive, but got -0.001'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALALoss(**{'num_classes': 4, **arguments})


def test_logits_of_another_number_of_classes_are_refused():
    message = 'built with num_classes=4, but the logits have 5 columns. Set both'
    with pytest.raises(ValueError, match=message):
        GALALoss(4)(torch.zeros(2, 5), torch.tensor([0, 1]))


def test_unknown_reduction_override_is_refused():
    with pytest.raises(ValueError, match="`reduction` to be one of .*got 'avg'"):
        GALALoss(4)(torch.zeros(1, 4), torch.tensor([0]), reduction_override='avg')


@pytest.mark.parametrize('variant', ['paper', 'official'])
@pytest.mark.parametrize(
    ('target', 'message'),
    [
        (torch.tensor([0, 4]), r'between 0 and 3 \(4 classes\), but got 4'),
        (torch.tensor([-1, 0]), 'between 0 and 3.*but got -1'),
        (torch.tensor([0]), r'class indices of shape \(2,\).*but got \(1,\)'),
        (torch.zeros(2, 4).long(), 'Soft labels must be floating'),
        (torch.full((2, 3), 1 / 3), r'shape of the logits, \(2, 4\), but got \(2, 3\)'),
        (torch.ones(2, 4), 'rows that sum to 1'),
    ],
)
def test_a_bad_target_is_refused_and_leaves_statistics_alone(variant, target, message):
    loss_module = GALALoss(4, variant=variant)
    with pytest.raises(ValueError, match=message):
        loss_module(torch.zeros(2, 4, requires_grad=True), target)
    assert all(not buffer.any() for buffer in loss_module.buffers())


@pytest.mark.parametrize(('variant', 'says'), [('paper', False), ('official', True)])
def test_printing_says_where_lambda_neg_has_no_effect(variant, says):
    text = repr(GALALoss(4, 1.2, 0.9, variant=variant))
    assert ('lambda_neg=0.9 (no effect)' in text) == says
    assert f"num_classes=4, variant='{variant}', lambda_pos=1.2" in text
