"""When `GALABBoxLoss` adds to its statistics, and how they are kept."""

import torch
from torch.testing import assert_close

from mmgala.detection import GALABBoxLoss
from tests.detection.batches import NUM_CLASSES, weights
from tests.detection.losses.bbox_forms import batch, total

STATE = {'pos_grad', 'neg_grad', 'pos_grad_low', 'neg_grad_low'}


def test_a_batch_never_sees_its_own_contribution(form):
    first, second = (
        total(GALABBoxLoss(NUM_CLASSES, form)(*batch(form))),
        total(GALABBoxLoss(NUM_CLASSES, form, 0.0, 0.0)(*batch(form))),
    )
    assert_close(first, second)  # statistics of 0 are equal statistics


def test_background_and_ignored_regions_leave_the_statistics_untouched(form):
    logits, labels = batch(form)
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(logits, torch.full_like(labels, NUM_CLASSES))
    assert not loss_module.pos_grad.any()
    loss_module(logits, labels, torch.zeros(24))
    assert not loss_module.pos_grad.any()
    loss_module(logits, labels, weights())
    assert loss_module.pos_grad.any()


def test_only_a_training_forward_with_gradients_counts(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(*batch(form), reduction_override='none')  # by which PISA ranks
    with torch.no_grad():
        loss_module(*batch(form))
    loss_module.eval()(*batch(form))
    assert not loss_module.pos_grad.any()


def test_regions_with_nan_logits_add_nothing(form):
    logits, labels = batch(form)
    broken = logits.detach().clone()
    broken[::2] = float('nan')
    loss_module, reference = (GALABBoxLoss(NUM_CLASSES, form) for _ in range(2))
    loss_module(broken.requires_grad_(), labels)
    reference(logits[1::2], labels[1::2])
    assert_close(loss_module.pos_grad, reference.pos_grad)


def test_statistics_survive_a_checkpoint(form, tmp_path):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module(*batch(form))
    torch.save(loss_module.state_dict(), tmp_path / 'loss.pth')
    resumed = GALABBoxLoss(NUM_CLASSES, form)
    resumed.load_state_dict(torch.load(tmp_path / 'loss.pth', weights_only=True))
    other = batch(form, seed=1)
    assert_close(total(resumed(*other)), total(loss_module(*other)))
    assert set(loss_module.state_dict()) == STATE


def test_deferred_calls_of_a_step_share_the_margins_of_the_steps_before(form):
    loss_module, whole = (GALABBoxLoss(NUM_CLASSES, form) for _ in range(2))
    loss_module.defer_reduction()
    for seed in range(3):
        logits, labels = batch(form, seed=seed)
        parts = [
            total(loss_module(logits[rows], labels[rows], avg_factor=24))
            for rows in (slice(0, 9), slice(9, 24))
        ]
        assert_close(sum(parts), total(whole(logits, labels)))
        loss_module.take_pending()
        assert_close(loss_module.pos_grad, whole.pos_grad)
    assert set(loss_module.state_dict()) == STATE


def test_it_stays_frozen_within_a_frozen_context(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    with loss_module.frozen():
        loss_module(*batch(form))
    assert not loss_module.pos_grad.any()
    loss_module(*batch(form))
    assert loss_module.pos_grad.any()


def test_pending_sums_of_an_unfinished_step_are_discarded(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.defer_reduction()
    loss_module(*batch(form))
    loss_module.defer_reduction()
    loss_module.take_pending()
    assert not loss_module.pos_grad.any()
    loss_module.defer_reduction(False)
    loss_module(*batch(form))
    assert loss_module.pos_grad.any()
