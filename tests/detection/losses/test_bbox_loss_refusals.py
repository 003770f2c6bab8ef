"""What `GALABBoxLoss` refuses, in one clear line."""

import pytest
import torch

from mmgala.detection import GALABBoxLoss
from tests.detection.batches import NUM_CLASSES
from tests.detection.losses.bbox_forms import batch


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), '`num_classes` to be 2 or more'),
        (dict(background='ignore'), "one of \\('objectness', 'exclude'\\)"),
        (dict(background='exclude', count_share=0.5), "needs background='objectness'"),
        (dict(background='exclude', label_margin=3.0), 'remove `label_margin`'),
        (dict(lead_memory=9.0), 'no effect with lambdas of 1'),
        (dict(use_sigmoid=True), 'use_sigmoid=False instead of True'),
        (dict(eps=0.0), '`eps` to be positive'),
        (dict(reduction='max'), '`reduction` to be one of'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GALABBoxLoss(**{'num_classes': NUM_CLASSES, **arguments})


def test_a_head_of_other_classes_is_refused():
    with pytest.raises(
        ValueError, match=r'num_classes=1204.*num_classes=1203.*set both'
    ):
        GALABBoxLoss(1203).get_cls_channels(1204)


def test_a_head_other_than_a_bbox_head_is_refused_when_it_predicts(form):
    with pytest.raises(ValueError, match='Take mmgala.GALAObjectnessLoss there'):
        GALABBoxLoss(NUM_CLASSES, form).get_activation(batch(form)[0])


def test_logits_of_another_width_and_labels_out_of_range_are_refused(form):
    loss_module = GALABBoxLoss(NUM_CLASSES, form)
    loss_module.get_cls_channels(NUM_CLASSES)
    logits, labels = batch(form)
    for broken in (logits[:, 1:], torch.cat((logits, logits), dim=1)):
        with pytest.raises(ValueError, match=r'needs logits \(N, [67]\), but the head'):
            loss_module(broken, labels)
        with pytest.raises(ValueError, match='needs logits'):
            loss_module.get_activation(broken)
    for label in (-1, NUM_CLASSES + 1):
        with pytest.raises(ValueError, match=f'between 0 and 5 .* but got {label}'):
            loss_module(logits, torch.full_like(labels, label))
    with pytest.raises(ValueError, match='integer labels of shape'):
        loss_module(logits, labels[1:])
    with pytest.raises(ValueError, match="`reduction` to be one of .* got 'avg'"):
        loss_module(logits, labels, reduction_override='avg')
