"""Options of `GALABBoxLoss` that are not in the paper, against float64 NumPy."""

import pytest
from numpy.testing import assert_allclose

from mmgala.detection import GALABBoxLoss
from tests.detection.batches import NUM_CLASSES, weights
from tests.detection.losses.bbox_forms import (
    as_columns,
    assert_statistics_are,
    batch,
    total,
)
from tests.reference.gala_detection_numpy import Objectness


@pytest.mark.parametrize('count_share', [0.4, 1.0])
def test_a_share_of_the_level_can_be_that_of_the_counts(count_share):
    loss_module = GALABBoxLoss(
        NUM_CLASSES, count_share=count_share, reduction='none'
    ).double()
    reference = Objectness(NUM_CLASSES, count_share=count_share)
    for seed in range(5):
        logits, labels = batch('objectness', seed=seed)
        weight = weights(seed=seed)
        actual = loss_module(logits, labels, weight)
        losses, _ = reference.step(logits.detach(), labels.numpy(), weight)
        expected = weight.numpy()[:, None] * losses
        found = as_columns(actual).detach().numpy()
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert_allclose(loss_module.seen.numpy(), reference.seen, rtol=1e-6)
    assert loss_module.seen.min() > 0


@pytest.mark.parametrize('options', [{}, dict(lead_memory=2.0)], ids=['whole', 'lead'])
def test_label_margins_equal_the_reference(options):
    options |= dict(count_share=1.0, label_margin=4.0)
    args = (NUM_CLASSES, 'objectness', 1.5, 1.5)
    loss_module = GALABBoxLoss(*args, reduction='none', **options).double()
    reference = Objectness(NUM_CLASSES, 1.5, 1.5, **options)
    leads = []
    for seed in range(8):
        logits, labels = batch('objectness', seed=seed)
        foreground = labels < NUM_CLASSES
        logits = logits.detach()  # from batch to batch, labels lead by more
        logits[foreground, labels[foreground]] += 2 * seed
        logits.requires_grad_()
        weight = weights(seed=seed)
        leads.append(reference.lead())
        actual = loss_module(logits, labels, weight)
        losses, gradients = reference.step(logits.detach(), labels.numpy(), weight)
        if 'lead_memory' in options:
            assert_allclose(float(actual.pop('lead')), reference.lead(), rtol=1e-5)
        scale = weight.numpy()[:, None]
        found = as_columns(actual).detach().numpy()
        assert_allclose(found, scale * losses, rtol=1e-5, atol=1e-6)
        total(actual).sum().backward()
        assert_allclose(logits.grad.numpy(), scale * gradients, rtol=1e-4, atol=1e-6)
        assert_statistics_are(loss_module, reference)
    assert leads[0] == (0 if 'lead_memory' in options else 1)
    assert leads[-1] > 0.5
