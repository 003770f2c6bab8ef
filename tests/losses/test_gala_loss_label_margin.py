"""GALA with a margin at the label from each class's mean error, against NumPy loops."""

import numpy as np
import pytest
import torch

from mmgala.losses import GALALoss
from tests.losses.gala_loops import (
    C,
    assert_equals_plain_gala,
    assert_steps_follow_the_formula,
)


@pytest.mark.parametrize('kind', ['hard', 'one-hot'])
@pytest.mark.parametrize(
    ('kappa', 'share', 'lambda_pos', 'lambda_neg'),
    [(3.0, 1.0, 1.5, 1.5), (0.7, 0.0, 1.0, 1.0), (2.0, 0.5, 1.2, 0.9)],
)
def test_several_steps_follow_the_formula(kappa, share, lambda_pos, lambda_neg, kind):
    assert_steps_follow_the_formula(
        kind,
        lambda_pos=lambda_pos,
        lambda_neg=lambda_neg,
        count_share=share,
        label_margin=kappa,
    )


def test_margin_0_is_gala_to_the_last_bit_and_has_no_other_state():
    assert_equals_plain_gala(GALALoss(C, label_margin=0.0))


def test_the_class_with_the_largest_mean_error_has_the_whole_margin():
    loss_module = GALALoss(3, lambda_pos=0, lambda_neg=0, label_margin=2.0, eps=1e-9)
    loss_module.pos_grad.copy_(torch.tensor([1.0, 3.0, 2.0]))  # errors 0.1, 0.75, 0.4
    loss_module.seen.copy_(torch.tensor([10.0, 4.0, 5.0]))
    logits, target = torch.zeros(3, 3), torch.tensor([0, 1, 2])

    loss_module.eval()
    loss_module.reduction = 'none'
    found = loss_module(logits, target)

    margins = [2 * (0.1 / 0.75) ** 0.5, 2.0, 2 * (0.4 / 0.75) ** 0.5]
    expected = [np.log(1 + 2 * np.exp(margin)) for margin in margins]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_class_has_the_whole_margin_until_its_first_sample():
    loss_module = GALALoss(4, lambda_pos=0, lambda_neg=0, label_margin=2.0, eps=1e-9)
    np.testing.assert_allclose(loss_module.lowered_label(None), -2.0)
    loss_module.pos_grad.copy_(torch.tensor([0.1, 0.4, 0.0, 0.0]))  # errors 0.01, 0.1
    loss_module.seen.copy_(torch.tensor([10.0, 4.0, 0.0, 0.0]))

    found = loss_module.lowered_label(None)
    np.testing.assert_allclose(found, [-2 * 0.1**0.5, -2, -2, -2], rtol=1e-6)


@pytest.mark.parametrize('value', [-1.0, float('nan'), float('inf')])
def test_margins_that_are_no_margins_are_refused(value):
    with pytest.raises(ValueError, match=f'label_margin.*0 or more.*{value}'):
        GALALoss(C, label_margin=value)


def test_the_official_variant_refuses_it():
    with pytest.raises(ValueError, match=r"label_margin=2.0.*variant='paper'"):
        GALALoss(C, variant='official', label_margin=2.0)
