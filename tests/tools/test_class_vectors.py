"""tools/analysis/class_vectors.py against independently extracted features."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose

from mmgala.datasets import DigitsDataset, LongTailedDataset
from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_origin import Origin
from tests.tools.command_line import call, call_and_read

TOOL = 'analysis/class_vectors'
COUNTS = [103, 66, 43, 27, 18, 11, 7, 4, 3, 2]


def features_of(trained, dataset):
    """Input of the last layer and label of each image, extracted without the tool."""
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(trained.config)
    model = MODELS.build({**cfg.model, 'data_preprocessor': cfg.data_preprocessor})
    state = read_checkpoint(trained.checkpoint)['state_dict']
    model.load_state_dict(state)
    samples = [dataset[i] for i in range(len(dataset))]
    images = torch.from_numpy(np.stack([s['img'] for s in samples]))
    batch = dict(inputs=images.permute(0, 3, 1, 2))
    with torch.no_grad():
        inputs = model.eval().data_preprocessor(batch)['inputs']
        features = model.extract_feat(inputs, stage='neck')[-1]
    labels = np.array([s['gt_label'] for s in samples])
    return features.double().numpy(), labels, state


def expected_similarities(features, labels, weight):
    cosines = (features @ weight.T) / np.outer(
        np.linalg.norm(features, axis=1), np.linalg.norm(weight, axis=1)
    )
    own = [cosines[labels == j, j].mean() for j in range(10)]
    other = [cosines[labels != j, j].mean() for j in range(10)]
    return own, other


@pytest.fixture(scope='module')
def measured(tmp_path_factory, trained):
    """Files and output of the tool."""
    folder = tmp_path_factory.mktemp('vectors')
    out = folder / 'deep' / 'vectors.json'
    limits = ['--many', '40', '--few', '10']
    text = call_and_read(TOOL, trained.config, trained.checkpoint, '--out', out,
                         *limits, cwd=folder).stdout  # fmt: skip
    return SimpleNamespace(
        report=json.loads(out.read_text()), out=out, folder=folder, text=text
    )


def test_similarities_match_features_of_the_test_set(measured, trained):
    features, labels, state = features_of(trained, DigitsDataset('test'))
    weight = state['head.fc.weight'].double().numpy()
    own, other = expected_similarities(features, labels, weight)

    report = measured.report
    assert_allclose(report['own_similarity'], own, rtol=1e-5, atol=1e-6)
    assert_allclose(report['other_similarity'], other, rtol=1e-5, atol=1e-6)
    assert_allclose(report['norm'], np.linalg.norm(weight, axis=1), rtol=1e-6)
    assert_allclose(report['bias'], state['head.fc.bias'].numpy(), rtol=1e-6)
    assert (report['split'], report['num_samples']) == ('test', 500)
    assert report['layer'] == 'head.fc'
    checkpoint = read_checkpoint(trained.checkpoint)
    assert Origin.from_plain(report['origin']) == Origin.of(
        trained.checkpoint, checkpoint
    )


def test_classes_and_groups_are_those_of_the_training(measured):
    report = measured.report

    assert [entry['count'] for entry in report['classes']] == COUNTS
    assert report['limits'] == {'many': 40, 'few': 10}
    groups = [entry['group'] for entry in report['classes']]
    assert groups == ['many'] * 3 + ['medium'] * 3 + ['few'] * 4
    for group, classes in (('many', slice(3)), ('few', slice(6, None))):
        for key, value in report['groups'][group].items():
            assert value == pytest.approx(np.mean(report[key][classes])), (group, key)


def test_table_and_figures_are_beside_the_numbers(measured):
    assert {p.name for p in measured.out.parent.iterdir()} == {
        f'vectors.{ending}' for ending in ('json', 'csv', 'png', 'svg')
    }
    with open(measured.out.with_suffix('.csv'), newline='') as file:
        rows = list(csv.DictReader(file))
    own = [float(row['own_similarity']) for row in rows]
    assert own == measured.report['own_similarity']
    png = measured.out.with_suffix('.png').read_bytes()
    assert png[:8] == b'\x89PNG\r\n\x1a\n'
    # No log and no work dir.
    assert [p.name for p in measured.folder.iterdir()] == ['deep']


def test_groups_are_printed(measured):
    for name, values in measured.report['groups'].items():
        line = next(x for x in measured.text.splitlines() if f'| {name} ' in x)
        for value in values.values():
            assert f'{value:.3f}' in line


def test_each_training_image_is_used_once_with_the_test_pipeline(tmp_path, trained):
    config = tmp_path / 'augmented.py'
    config.write_text(f"""
_base_ = '{trained.config}'
train_dataloader = dict(
    drop_last=True,
    sampler=dict(_delete_=True, type='mmgala.ClassAwareSampler',
                 num_samples_per_class=4),
    dataset=dict(dataset=dict(pipeline=[
        dict(type='RandomErasing', erase_prob=1.0, min_area_ratio=0.9,
             max_area_ratio=1.0),
        dict(type='PackInputs'),
    ])),
)
""")
    out = tmp_path / 'train.json'

    assert call(TOOL, config, trained.checkpoint, '--split', 'train', '--out', out,
                cwd=tmp_path) is None  # fmt: skip

    report = json.loads(out.read_text())
    assert (report['split'], report['num_samples']) == ('train', sum(COUNTS))
    data = LongTailedDataset(DigitsDataset('train'), imbalance_factor=50)
    features, labels, state = features_of(trained, data)
    weight = state['head.fc.weight'].double().numpy()
    own, other = expected_similarities(features, labels, weight)
    assert_allclose(report['own_similarity'], own, rtol=1e-5, atol=1e-6)
    assert_allclose(report['other_similarity'], other, rtol=1e-5, atol=1e-6)


def test_default_output_is_beside_the_checkpoint_and_a_layer_can_be_given(
    tmp_path, trained, measured
):
    checkpoint = tmp_path / 'copy.pth'
    checkpoint.write_bytes(trained.checkpoint.read_bytes())

    end = call(TOOL, trained.config, checkpoint, '--layer', 'head.fc', cwd=tmp_path)

    assert end is None
    report = json.loads((tmp_path / 'class_vectors.json').read_text())
    assert report['own_similarity'] == measured.report['own_similarity']
    assert report['limits'] == {'many': 40, 'few': 10}  # from the config


def without_counts(trained, path):
    checkpoint = read_checkpoint(trained.checkpoint)
    torch.save({'state_dict': checkpoint['state_dict'], 'meta': {}}, path)
    return path


def test_counts_default_to_those_of_the_data_set(tmp_path, trained):
    checkpoint = without_counts(trained, tmp_path / 'bare.pth')

    end = call(TOOL, trained.config, checkpoint, '--split', 'train', cwd=tmp_path)

    assert end is None
    report = json.loads((tmp_path / 'class_vectors.json').read_text())
    assert [entry['count'] for entry in report['classes']] == COUNTS
