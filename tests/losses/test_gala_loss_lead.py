"""GALA whose margins grow with the lead of the labels, against NumPy loops."""

import pytest
import torch
from torch.testing import assert_close

from mmgala.losses import GALALoss
from projects.gala_study.candidates import CandidateLoss
from tests.batches import one_hot
from tests.losses.gala_loops import (
    C,
    assert_equals_plain_gala,
    assert_steps_follow_the_formula,
    batches,
)

METHOD = dict(lambda_pos=1.5, lambda_neg=1.5, count_share=1.0, label_margin=4.0)


@pytest.mark.parametrize('kind', ['hard', 'one-hot'])
@pytest.mark.parametrize(
    'settings',
    [
        dict(METHOD, lead_memory=1.0),
        dict(lambda_pos=1.4, lambda_neg=0.7, count_share=0.5, lead_memory=0.7),
        dict(
            lambda_pos=1.0, lambda_neg=1.0, count_share=0.0, label_margin=2.0,
            lead_memory=0.5,
        ),
    ],
    ids=['method', 'lambdas alone', 'margin alone'],
)  # fmt: skip
def test_several_steps_follow_the_formula(settings, kind):
    assert_steps_follow_the_formula(kind, sharpness=4.0, **settings)


def test_memory_0_is_gala_to_the_last_bit_and_has_no_other_state():
    assert_equals_plain_gala(GALALoss(C, lead_memory=0.0))


def test_it_is_the_candidate_that_was_screened():
    ours = GALALoss(C, **METHOD, lead_memory=10.0)
    screened = CandidateLoss(C, tau=1.5, kappa=4.0, fit_memory=10.0, fit='lead')
    for logits, target in batches(12, sharpness=2.0):
        logits = logits.float().requires_grad_()
        assert_close(ours(logits, target), screened(logits, target))
    assert ours.label_lead() > 0.1


@pytest.mark.parametrize(('probability', 'lead'), [(0.5, 0), (0.2, 0), (0.75, 0.5)])
def test_the_lead_is_what_labels_have_more_than_all_other_classes(probability, lead):
    loss_module = GALALoss(C, **METHOD, lead_memory=10.0)
    loss_module.seen.fill_(3.0)
    loss_module.recent_probability.copy_(probability + torch.linspace(-0.1, 0.1, C))

    assert_close(loss_module.label_lead(), torch.tensor(float(lead)))


def test_classes_without_samples_change_neither_the_lead_nor_any_margin():
    for memory in (0.0, 10.0):
        ours = GALALoss(C + 3, **METHOD, lead_memory=memory)
        expected = GALALoss(C, **METHOD, lead_memory=memory)
        for logits, target in batches(12, sharpness=2.0):
            wide = torch.cat((logits, torch.full((9, 3), -torch.inf)), dim=1)
            found = ours(wide.float().requires_grad_(), target)
            assert_close(found, expected(logits.float().requires_grad_(), target))
        lead, expected_lead = ours.label_lead(), expected.label_lead()
        assert_close(lead, expected_lead)
        assert lead is None or lead > 0.1
        expected_margins = expected.lowered_label(expected_lead)
        assert_close(ours.lowered_label(lead)[:C], expected_margins)
        assert expected_margins.min() == -4 * (1 if lead is None else lead)


def test_without_a_lead_it_is_gala_with_lambda_1_and_no_margin():
    ours, plain = GALALoss(C, **METHOD, lead_memory=10.0), GALALoss(C, count_share=1.0)
    for logits, target in batches():
        logits = (0.1 * logits).requires_grad_()  # labels stay below a half
        assert_close(ours(logits, target), plain(logits, target))


def test_classes_without_samples_keep_their_probability():
    loss_module = GALALoss(C, **METHOD, lead_memory=10.0)
    loss_module.recent_probability.fill_(0.5)
    logits = torch.zeros(6, C, requires_grad=True)

    loss_module(logits, torch.tensor([0, 0, 0, 1, 1, 3]))
    kept = loss_module.recent_probability == 0.5
    assert kept.tolist() == [False, False, True, False, True]


def test_a_new_training_starts_without_a_lead():
    loss_module = GALALoss(C, **METHOD, lead_memory=10.0)
    loss_module.recent_probability.fill_(0.9)
    loss_module.reset_statistics()

    assert loss_module.label_lead() == 0


def test_probabilities_in_checkpoints_are_never_negative():
    """Errors are rounded sums; a negative statistic is refused when it is loaded."""
    loss_module = GALALoss(C, **METHOD, lead_memory=10.0)
    wrong = torch.full((700, C), 9.0)
    wrong[:, 0] = -20.0
    for _ in range(3):
        loss_module(wrong.clone().requires_grad_(), torch.zeros(700, dtype=torch.long))

    assert loss_module.recent_probability.min() >= 0


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
@pytest.mark.parametrize('weighted', [False, True])
def test_samples_without_a_finite_loss_do_not_count_as_fitted(kind, bad, weighted):
    logits, target = batches(1)[0]
    broken = logits.clone()
    broken[0, (target[0] + 1) % C] = bad
    broken[1, (target[1] + 2) % C] = bad
    settings = dict(count_share=1.0, label_margin=4.0, lead_memory=10.0)
    ours, expected = GALALoss(C, **settings), GALALoss(C, **settings)
    label = one_hot(target, C) if kind == 'soft' else target

    weight = torch.ones(len(target)) if weighted else None
    ours(broken.requires_grad_(), label, weight=weight)

    expected(logits[2:].requires_grad_(), label[2:])
    assert_close(ours.state_dict(), expected.state_dict())


@pytest.mark.parametrize('value', [-1.0, float('nan'), float('inf')])
def test_memories_that_are_no_numbers_of_samples_are_refused(value):
    with pytest.raises(ValueError, match=f'lead_memory.*0 or more.*{value}'):
        GALALoss(C, label_margin=1.0, lead_memory=value)


def test_a_memory_without_an_effect_is_refused():
    with pytest.raises(ValueError, match=r'lead_memory=10.*no effect.*label_margin'):
        GALALoss(C, lead_memory=10)


def test_the_official_variant_refuses_it():
    with pytest.raises(ValueError, match=r"lead_memory=2.0.*variant='paper'"):
        GALALoss(C, lambda_pos=1.2, variant='official', lead_memory=2.0)
