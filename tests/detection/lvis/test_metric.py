"""LVISMetric: every figure equals that of the original package."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lvis import LVIS, LVISEval, LVISResults
from mmdet.evaluation.metrics.lvis_metric import LVISFixedAPMetric
from mmdet.evaluation.metrics.lvis_metric import LVISMetric as MMDetLVISMetric

from mmgala.detection.lvis.metric import LVISMetric
from tests.detection.lvis.figures import figures
from tests.detection.lvis_files import (
    as_json,
    random_predictions,
)

BOTH = ('bbox', 'segm')


@pytest.fixture(autouse=True)
def _old_numpy_name(monkeypatch):
    # lvis 0.5.3 uses what NumPy 1.24 removed.
    monkeypatch.setattr(np, 'float', float, raising=False)


def original(path, content, samples, iou_type, max_dets=300):
    """Figures of the package ``lvis``."""
    rows = as_json(content, samples, iou_type)
    evaluation = LVISEval(
        truth := LVIS(path), LVISResults(truth, rows, max_dets=max_dets), iou_type
    )
    evaluation.params.max_dets = max_dets
    evaluation.run()
    return {f'lvis/{iou_type}_{k}': v for k, v in evaluation.results.items()}


def no_federated(content):
    for image in content['images']:
        image['neg_category_ids'] = image['not_exhaustive_category_ids'] = []


def all_federated(content):
    ids = [category['id'] for category in content['categories']]
    for image in content['images']:
        image['neg_category_ids'] = image['not_exhaustive_category_ids'] = ids


def ignored(content):
    for annotation in content['annotations'][::4]:
        annotation['ignore'] = 1
    for annotation in content['annotations'][1::4]:
        annotation['iscrowd'] = 1  # nothing to the original
    for annotation in content['annotations'][2::8]:
        annotation['area'] = 0


def on_limits(content):
    for annotation, area in zip(content['annotations'], [1024, 9216, 1e10] * 9):  # noqa: B905
        annotation['area'] = area


def one_group(content):
    for category in content['categories']:
        category['frequency'] = 'f'


@pytest.mark.parametrize(
    ('change', 'crowded', 'sizes'),
    [
        (None, 0, {}),
        (None, 400, {}),
        (no_federated, 330, {}),
        (all_federated, 330, {}),
        (ignored, 0, {}),
        (on_limits, 0, {}),
        (one_group, 0, dict(num_classes=1 + 1, per_image=3)),
        (None, 310, dict(num_images=60, num_classes=40, per_image=15)),
    ],
    ids=[
        'plain', 'crowded', 'no federated', 'all federated', 'ignored', 'on limits',
        'one class and group', 'many classes',
    ],
)  # fmt: skip
@pytest.mark.parametrize('iou_type', BOTH)
@pytest.mark.parametrize('seed', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_figures_are_those_of_the_original(
    case, seed, iou_type, change, crowded, sizes
):
    path, content, samples = case(seed, change, crowded, iou_type == 'segm', **sizes)
    expected = original(path, content, samples, iou_type)

    got = figures(LVISMetric(path, metric=iou_type), samples)

    assert got == pytest.approx(expected, rel=0, abs=1e-12)
    assert expected[f'lvis/{iou_type}_AP'] > 0.01
    assert (expected[f'lvis/{iou_type}_APr'] == -1) == (change is one_group)


def test_all_scores_equal_are_ranked_as_in_the_original(case):
    path, content, samples = case(3, crowded=320, masks=False)
    for sample in samples:
        sample['pred_instances']['scores'][:] = 0.5

    got = figures(LVISMetric(path), samples)

    expected = original(path, content, samples, 'bbox')
    assert got == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize('max_dets', [1, 5, 300])
def test_limit_is_per_image_over_all_classes(case, max_dets):
    path, content, samples = case(4, masks=False)

    got = figures(LVISMetric(path, max_dets=max_dets), samples)

    expected = original(path, content, samples, 'bbox', max_dets)
    assert got == pytest.approx(expected, rel=0, abs=1e-12)
    assert f'lvis/bbox_AR@{max_dets}' in got


@pytest.mark.parametrize('iou_type', BOTH)
@pytest.mark.parametrize('dets_per_class', [3, 20, 10_000])
def test_fixed_ap(case, iou_type, dets_per_class):
    path, content, samples = case(5, crowded=350)
    rows = as_json(content, samples, iou_type)
    best = []
    for category in content['categories']:
        own = [row for row in rows if row['category_id'] == category['id']]
        best += sorted(own, key=lambda row: -row['score'])[:dets_per_class]
    truth = LVIS(path)
    evaluation = LVISEval(truth, LVISResults(truth, best, max_dets=-1), iou_type)
    evaluation.params.max_dets = -1
    evaluation.run()

    metric = LVISMetric(
        path, metric=iou_type, fixed_ap=True, dets_per_class=dets_per_class
    )

    assert figures(metric, samples) == pytest.approx(
        {
            f'lvis_fixed_ap/{iou_type}_{name}': value
            for name, value in evaluation.results.items()
            if name.startswith('AP')
        },
        rel=0,
        abs=1e-12,
    )


def test_fixed_ap_is_that_of_mmdetection(case):
    path, _, samples = case(6, crowded=350, masks=False)
    # MMDetection takes labels in the order of the file.
    content = json.loads(Path(path).read_text())
    content['categories'].sort(key=lambda category: category['id'])
    Path(path).write_text(json.dumps(content))

    got = figures(LVISMetric(path, fixed_ap=True, dets_per_class=7), samples)

    expected = figures(LVISFixedAPMetric(path, topk=7), samples)
    assert expected == pytest.approx(
        {name.replace('bbox_', ''): value for name, value in got.items()}, abs=1e-12
    )


def test_names_and_values_are_those_of_mmdetection(case):
    path, content, samples = case(7)
    content['categories'].sort(key=lambda category: category['id'])
    Path(path).write_text(json.dumps(content))

    got = figures(LVISMetric(path, metric=list(BOTH), classwise=True), samples)

    expected = figures(MMDetLVISMetric(path, metric=['bbox'], classwise=True), samples)
    own_name = {
        f'lvis/{category["name"]}_precision': f'lvis/bbox_{category["name"]}_precision'
        for category in content['categories']
    }
    known = {own_name.get(k, k): v for k, v in expected.items() if not np.isnan(v)}
    assert known == pytest.approx({name: got[name] for name in known}, abs=5.01e-4)
    without = [name for name, value in expected.items() if np.isnan(value)]
    assert without
    assert not {own_name[name] for name in without} & got.keys()


def test_no_detections_at_all(case):
    path, _, samples = case(8)
    empty = [
        {**s, 'pred_instances': {k: v[:0] for k, v in s['pred_instances'].items()}}
        for s in samples
    ]

    got = figures(LVISMetric(path, metric=list(BOTH)), empty)

    assert set(got.values()) == {0.0}


def test_detections_of_classes_nobody_looked_for_change_nothing(case):
    path, content, samples = case(9, masks=False)
    ids = sorted(category['id'] for category in content['categories'])
    before = figures(LVISMetric(path), samples)
    judged = {(a['image_id'], a['category_id']) for a in content['annotations']}
    for image, sample in zip(content['images'], samples, strict=True):
        absent = set(image['neg_category_ids'])
        unknown = [
            c
            for c, category_id in enumerate(ids)
            if category_id not in absent and (image['id'], category_id) not in judged
        ]
        predicted = sample['pred_instances']
        number = len(unknown)
        corners = torch.tensor([[10.0, 10.0, 90.0, 90.0]]).expand(number, 4)
        predicted['bboxes'] = torch.cat([predicted['bboxes'], corners])
        predicted['labels'] = torch.cat([predicted['labels'], torch.tensor(unknown)])
        predicted['scores'] = torch.cat([predicted['scores'], torch.ones(number)])

    assert figures(LVISMetric(path), samples) == before


def test_order_of_images_and_dropped_padding(case):
    path, _, samples = case(10, masks=False)
    for sample in samples:  # equal scores are ranked by the order of the images' ids
        n = len(sample['pred_instances']['scores'])
        sample['pred_instances']['scores'] = torch.rand(n)
    whole = figures(LVISMetric(path), samples)
    metric = LVISMetric(path)
    metric.process({}, copy.deepcopy(samples[::-1]))

    assert metric.evaluate(len(samples)) == whole
    metric.process({}, copy.deepcopy([*samples, samples[0]]))
    assert metric.evaluate(len(samples)) == whole


def figures_of_rank(rank, world_size, path, content, seed, folder):
    samples = random_predictions(content, seed)
    share = samples[rank::world_size]
    if len(share) * world_size < len(samples):  # as MMEngine's samplers fill up
        share = [*share, samples[0]]
    metric = LVISMetric(path, metric=list(BOTH))
    metric.collect_dir = folder
    metric.process({}, share)
    return metric.evaluate(len(samples))


def test_ranks_give_what_one_process_gives(case, rank_pool, tmp_path):
    path, content, samples = case(17, num_images=7)

    got = rank_pool.run(
        figures_of_rank,
        2,
        path=path,
        content=content,
        seed=17,
        folder=str(tmp_path / 'collected'),
    )

    assert got == [figures(LVISMetric(path, metric=list(BOTH)), samples)] * 2


def test_chosen_items_and_thresholds(case):
    path, content, samples = case(11, masks=False)

    got = figures(
        LVISMetric(path, iou_thrs=0.5, metric_items=['AP', 'AP50', 'AP75']), samples
    )

    expected = original(path, content, samples, 'bbox')['lvis/bbox_AP50']
    assert got == pytest.approx(
        {'lvis/bbox_AP': expected, 'lvis/bbox_AP50': expected, 'lvis/bbox_AP75': -1}
    )


def test_files_for_a_server(case, tmp_path):
    path, content, samples = case(12)
    metric = LVISMetric(
        path, metric=list(BOTH), format_only=True, outfile_prefix=str(tmp_path / 'out')
    )

    assert figures(metric, samples) == {}
    for iou_type in BOTH:
        rows = json.loads((tmp_path / f'out.{iou_type}.json').read_text())
        expected = as_json(content, samples, iou_type)
        keys = ('image_id', 'category_id', 'score')
        assert [[r[k] for k in keys] for r in rows] == [
            [r[k] for k in keys] for r in expected
        ]


def test_files_beside_figures(case, tmp_path):
    path, _, samples = case(13)

    with_files = LVISMetric(path, metric='segm', outfile_prefix=str(tmp_path / 'out'))

    assert figures(with_files, samples) == figures(
        LVISMetric(path, metric='segm'), samples
    )
    assert (tmp_path / 'out.segm.json').is_file()
