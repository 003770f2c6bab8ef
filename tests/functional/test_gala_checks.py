"""Bad input to the GALA functions is refused with a message that helps."""

import pytest
import torch

from mmgala.functional import gala_loss, gala_margin, logit_gradient_sums

LOGITS = torch.zeros(3, 4)
LABELS = torch.tensor([0, 1, 3])
SOFT = torch.full((3, 4), 0.25)
STATISTICS = torch.ones(4), torch.ones(4)

BAD_TARGETS = {
    'label too large': (torch.tensor([0, 4, 1]), r'between 0 and 3 \(4 cl.*but got 4'),
    'label negative': (torch.tensor([0, -1, 1]), r'labels between 0 and 3.*but got -1'),
    'background label': (torch.tensor([0, 255, 1]), r'but got 255\. Check the annot'),
    'too few labels': (torch.tensor([0, 1]), r'class indices of shape \(3,\).*\(2,\)'),
    'integer one-hot': (torch.zeros(3, 4).long(), r'Soft labels must be floating'),
    'float indices': (torch.zeros(3), r'soft labels to have the shape.*\(3, 4\)'),
    'wrong classes': (torch.full((3, 5), 0.2), r'shape.*\(3, 4\), but got \(3, 5\)'),
    'sum is not 1': (torch.ones(3, 4), r'rows that sum to 1.*row sums from 4 to 4'),
    'negative share': (torch.tensor([[2.0, -1, 0, 0]] * 3), r'minimum of -1'),
}


@pytest.fixture(params=BAD_TARGETS.values(), ids=BAD_TARGETS)
def bad_target(request):
    return request.param


def test_loss_refuses_a_bad_target(bad_target):
    target, message = bad_target
    with pytest.raises(ValueError, match=message):
        gala_loss(LOGITS, target, *STATISTICS)


def test_gradient_sums_refuse_a_bad_target(bad_target):
    target, message = bad_target
    with pytest.raises(ValueError, match=message):
        logit_gradient_sums(LOGITS, target)


@pytest.mark.parametrize('label', [-1, 4])
def test_margin_refuses_a_label_out_of_range(label):
    with pytest.raises(ValueError, match=f'between 0 and 3.*but got {label}'):
        gala_margin(*STATISTICS, torch.tensor([label]))


@pytest.mark.parametrize('shape', [(4,), (3, 4, 2, 2)])
def test_logits_of_other_than_two_dimensions_are_refused(shape):
    with pytest.raises(ValueError, match=r'`logits` to be a floating.*shape \(N, C\)'):
        gala_loss(torch.zeros(shape), LABELS, *STATISTICS)


def test_integer_logits_are_refused():
    with pytest.raises(ValueError, match='floating tensor.*of torch.int64'):
        gala_loss(LOGITS.long(), LABELS, *STATISTICS)


@pytest.mark.parametrize('target', [LABELS, SOFT], ids=['hard', 'soft'])
@pytest.mark.parametrize(('name', 'position'), [('pos_grad', 0), ('neg_grad', 1)])
@pytest.mark.parametrize('length', [1, 5])
def test_statistics_of_another_number_of_classes_are_refused(
    length, name, position, target
):
    statistics = list(STATISTICS)
    statistics[position] = torch.ones(length)
    message = rf'`{name}` to have shape \(4,\).*but got \({length},\)'
    with pytest.raises(ValueError, match=message):
        gala_loss(LOGITS, target, *statistics)


@pytest.mark.parametrize('target', [LABELS, SOFT], ids=['hard', 'soft'])
def test_margin_refuses_statistics_that_differ_in_length(target):
    with pytest.raises(ValueError, match=r'`neg_grad` to have shape \(4,\)'):
        gala_margin(torch.ones(4), torch.ones(1), target)
