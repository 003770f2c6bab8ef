"""Both forms of background of `GALABBoxLoss`, with batches and references."""

import torch
from numpy.testing import assert_allclose

from tests.detection.batches import NUM_CLASSES, regions
from tests.reference.gala_detection_numpy import Exclude, Objectness

FORMS = {'exclude': (Exclude, 1), 'objectness': (Objectness, 2)}
KEYS = ['loss_cls_objectness', 'loss_cls_classes']


def batch(form, **kwargs):
    return regions(NUM_CLASSES + FORMS[form][1], **kwargs)


def as_columns(loss):
    """One column a loss, as the reference has it."""
    if isinstance(loss, dict):
        assert list(loss) == KEYS
        return torch.stack([loss[key] for key in KEYS], dim=1)
    return loss


def total(loss):
    return sum(loss.values()) if isinstance(loss, dict) else loss


def assert_statistics_are(loss_module, reference):
    for buffer, expected in (
        (loss_module.pos_grad, reference.theta),
        (loss_module.neg_grad, reference.phi),
    ):
        assert buffer.dtype == torch.float32
        assert_allclose(buffer.numpy(), expected, rtol=1e-5, atol=1e-6)
