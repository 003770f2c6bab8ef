"""LVISMetric: arguments and predictions that cannot be right are told."""

import re

import pytest
import torch

from mmgala.detection.lvis.metric import LVISMetric
from mmgala.registry import METRICS
from tests.detection.lvis.figures import figures


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(ann_file=None), 'requires `ann_file`'),
        (dict(metric='proposal'), "but got 'proposal'. For proposals use"),
        (dict(metric_items=['mAP']), "metric item 'mAP'; choose from AP, AP50"),
        (dict(metric_items=['AR@300'], fixed_ap=True), "metric item 'AR@300'"),
        (dict(format_only=True), 'format_only=True requires `outfile_prefix`'),
        (dict(max_dets=0), '`max_dets` to be 1 or more, but got 0'),
        (dict(dets_per_class=0), '`dets_per_class` to be 1 or more, but got 0'),
    ],
)
def test_bad_argument(case, arguments, message):
    path, _, _ = case()

    with pytest.raises(ValueError, match=re.escape(message)):
        METRICS.build({'type': 'mmgala.LVISMetric', 'ann_file': path, **arguments})


def test_masks_that_the_file_does_not_have(case):
    path, _, samples = case(
        16, lambda content: content['annotations'][2].pop('segmentation'), masks=False
    )

    assert figures(LVISMetric(path), samples)
    with pytest.raises(
        ValueError, match="annotation 3 has no 'segmentation': use metric='bb"
    ):
        LVISMetric(path, metric='segm')


def test_predictions_that_do_not_fit_the_file(case, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmgala.detection.lvis.metric.print_log', lambda m, **_: messages.append(m)
    )
    path, _, samples = case(14, masks=False)

    with pytest.raises(ValueError, match='needs masks, but the model predicts none'):
        figures(LVISMetric(path, metric='segm'), samples)
    with pytest.raises(ValueError, match='Image 123456 .* `ann_file`'):
        figures(LVISMetric(path), [{**samples[0], 'img_id': 123456}])
    (message,) = messages
    assert f'39 of the 40 images in {path} have no predictions' in message
    samples[3]['pred_instances']['labels'][:] = 15
    with pytest.raises(ValueError, match='label 15, but only 15 .* num_classes'):
        figures(LVISMetric(path), samples)


def test_scores_of_a_diverged_model_are_left_out(case, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmgala.detection.lvis.metric.print_log', lambda m, **_: messages.append(m)
    )
    path, _, samples = case(15, masks=False)
    for sample in samples:
        sample['pred_instances']['scores'][:] = torch.nan

    assert set(figures(LVISMetric(path), samples).values()) == {0.0}
    assert len(messages) == 1
    assert 'the model has diverged' in messages[0]
