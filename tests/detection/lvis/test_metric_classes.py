"""LVISMetric: labels mean the training classes, by name."""

import json

import numpy as np
import pytest
import torch

from mmgala.detection.lvis.metric import LVISMetric
from tests.detection.lvis.figures import figures


def perfect_predictions(content, classes):
    """Every annotation as a detection, with labels that index ``classes``."""
    name_of = {c['id']: c['name'] for c in content['categories']}
    samples = []
    for image in content['images']:
        truth = [a for a in content['annotations'] if a['image_id'] == image['id']]
        corners = np.array([a['bbox'] for a in truth], np.float32).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        labels = [classes.index(name_of[a['category_id']]) for a in truth]
        predicted = dict(
            bboxes=torch.from_numpy(corners),
            scores=torch.ones(len(truth)),
            labels=torch.tensor(labels, dtype=torch.int64),
        )
        samples.append(
            dict(img_id=image['id'], ori_shape=(180, 220), pred_instances=predicted)
        )
    return samples


@pytest.mark.parametrize('more', [[], ['cat']], ids=['other order', 'one class more'])
def test_labels_are_those_of_the_training_classes(case, more, tmp_path):
    """Ids of the training file name other categories; one may be missing here."""
    path, content, _ = case()
    names = sorted(c['name'] for c in content['categories'])
    classes = [*names[5:], *more, *names[:5]]
    metric = LVISMetric(path, outfile_prefix=str(tmp_path / 'out'), classwise=True)
    metric.dataset_meta = dict(classes=tuple(classes))

    found = figures(metric, perfect_predictions(content, classes))

    assert found['lvis/bbox_AP'] == pytest.approx(1)
    assert found['lvis/bbox_APr'] == pytest.approx(1)
    rows = json.loads((tmp_path / 'out.bbox.json').read_text())
    wanted = [a['category_id'] for a in content['annotations']]
    assert sorted(row['category_id'] for row in rows) == sorted(wanted)


def test_detections_of_classes_that_the_file_lacks_do_not_count(case, tmp_path):
    path, content, _ = case()
    names = sorted(c['name'] for c in content['categories'])
    classes = ['cat', *names]
    samples = perfect_predictions(content, classes)
    samples[0]['pred_instances'] = dict(
        bboxes=torch.cat([samples[0]['pred_instances']['bboxes'], torch.ones(1, 4)]),
        scores=torch.cat([samples[0]['pred_instances']['scores'], torch.ones(1)]),
        labels=torch.cat(
            [samples[0]['pred_instances']['labels'], torch.zeros(1).long()]
        ),
    )
    metric = LVISMetric(path, outfile_prefix=str(tmp_path / 'out'))
    metric.dataset_meta = dict(classes=classes)

    assert figures(metric, samples)['lvis/bbox_AP'] == pytest.approx(1)

    rows = json.loads((tmp_path / 'out.bbox.json').read_text())
    assert len(rows) == len(content['annotations'])


def test_unknown_categories_with_annotations_are_refused(case):
    path, content, _ = case()
    names = sorted(c['name'] for c in content['categories'])
    used = {a['category_id'] for a in content['annotations']}
    name = next(c['name'] for c in content['categories'] if c['id'] in used)
    classes = [n for n in names if n != name]
    metric = LVISMetric(path)
    metric.dataset_meta = dict(classes=classes)

    with pytest.raises(ValueError, match=rf'not among.*{name}.*by name'):
        figures(metric, perfect_predictions(content, names))


def test_renamed_classes_are_those_of_the_file(case):
    """As the data set renames them; without names in common, positions count."""
    path, content, samples = case()
    ordered = sorted(content['categories'], key=lambda c: c['id'])
    names = [c['name'] for c in ordered]
    expected = figures(LVISMetric(path), samples)
    for classes in ([n.upper() for n in names], ['KATZE', *names[1:]]):
        metric = LVISMetric(path)
        renamed = dict(zip(names, classes, strict=True))
        metric.dataset_meta = dict(classes=classes, renamed_classes=renamed)
        assert figures(metric, samples) == expected
    metric = LVISMetric(path)
    metric.dataset_meta = dict(classes=[n.upper() for n in names])
    assert figures(metric, samples) == expected
