"""tools/retrain_classifier.py: its output loads and has the recorded metrics."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from numpy.testing import assert_allclose

from mmgala.names import RETRAINING_METHODS as METHODS
from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import call_and_read
from tests.tools.retraining import TOOL, evaluate_on_validation


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Output folder; all methods share the cached features."""
    return tmp_path_factory.mktemp('retrained')


@pytest.fixture(scope='module', params=METHODS)
def retrained(request, trained, folder):
    """Weights, config and output of each method."""
    method = request.param
    out = folder / 'deep' / f'{method}.pth'
    printed = call_and_read(TOOL, trained.config, trained.checkpoint, out,
                            '--method', method, cwd=folder)  # fmt: skip
    return SimpleNamespace(
        method=method,
        weights=out,
        config=out.with_suffix('.py'),
        printed=printed,
        checkpoint=read_checkpoint(out),
    )


@pytest.fixture(scope='module')
def before(trained):
    return read_checkpoint(trained.checkpoint)


@pytest.fixture(scope='module')
def old(trained, folder):
    """Metrics of the trained model on the validation set."""
    return evaluate_on_validation(trained.config, trained.checkpoint, folder)


def test_recorded_metrics_equal_those_of_a_test(retrained, old, tmp_path):
    recorded = retrained.checkpoint['meta']['retrained']['validation']

    found = evaluate_on_validation(retrained.config, retrained.weights, tmp_path)

    for name, value in recorded['after'].items():
        assert found[name] == pytest.approx(value, abs=1e-3), name
        assert old[name] == pytest.approx(recorded['before'][name], abs=1e-3), name
    assert {'top1', 'many', 'medium', 'few'} <= set(recorded['after'])


def test_only_the_class_layer_and_loss_change(retrained, before):
    old, new = before['state_dict'], retrained.checkpoint['state_dict']

    changed = {
        name for name in old if name not in new or not torch.equal(old[name], new[name])
    }
    loss = {name for name in old if name.startswith('head.loss_module.')}
    lost = loss if retrained.method in ('crt', 'lws') else set()
    gained = {'head.fc.center'} if retrained.method == 'ncm' else set()
    assert changed == {'head.fc.weight', 'head.fc.bias'} | lost
    assert set(new) == set(old) - lost | gained


def test_the_rest_of_the_checkpoint_is_kept(retrained, before):
    meta = retrained.checkpoint['meta']

    for name in ('class_counts', 'dataset_meta', 'epoch'):
        assert meta[name] == before['meta'][name]
    assert meta['retrained']['method'] == retrained.method
    loss = Config.fromfile(retrained.config).model.head.loss
    expected = 'CrossEntropyLoss' if retrained.method in ('crt', 'lws') else (
        'mmgala.GALALoss')  # fmt: skip
    assert loss.type == expected


def test_printed_metrics(retrained):
    figures = retrained.checkpoint['meta']['retrained']['validation']
    for title in ('before', 'after'):
        names = ('top1', 'many', 'medium', 'few', 'class_mean', 'worst_class')
        row = r' \| *'.join(rf'{figures[title][n]:.2f}\s*' for n in names)
        assert re.search(rf'{title}\s*\| *{row}', retrained.printed.stdout)
    said = retrained.printed.stderr
    assert f'Wrote the new classifier to {retrained.weights}' in said
    if retrained.method == 'tau-norm':
        assert '<- chosen' in retrained.printed.stdout
        assert 'Features of train' not in said


def test_tail_classes_improve(retrained):
    figures = retrained.checkpoint['meta']['retrained']['validation']
    assert figures['after']['few'] > figures['before']['few']
    assert figures['after']['class_mean'] > figures['before']['class_mean']


def test_no_other_files_are_written(retrained):
    found = {path.name for path in retrained.weights.parent.iterdir()}
    assert found <= {'features', *(f'{m}{e}' for m in METHODS for e in ('.pth', '.py'))}
    kept = [p.name for p in (retrained.weights.parent / 'features').iterdir()]
    splits = [name.split('-')[0] for name in kept]
    assert len(splits) == len(set(splits))  # all methods share them
    assert set(splits) <= {'train', 'val'}


def cached(retrained, split):
    """Features and labels in the cache."""
    (path,) = (retrained.weights.parent / 'features').glob(f'{split}-*')
    return [
        np.load(path / f'{n}.npy', allow_pickle=False) for n in ('features', 'labels')
    ]


def predicted_by_cl2n(retrained):
    """Predicted class of each validation sample by nearest class mean (Kang et al.)."""
    (train, labels), (val, _) = (cached(retrained, split) for split in ('train', 'val'))
    train, val = train.astype(np.float64), val.astype(np.float64)
    center = train.mean(axis=0)
    train, val = (
        (x - center) / np.linalg.norm(x - center, axis=1, keepdims=True)
        for x in (train, val)
    )
    means = np.stack([train[labels == c].mean(axis=0) for c in range(10)])
    return ((val[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def test_the_new_layer_follows_the_method(retrained, before):
    weight, bias = (
        retrained.checkpoint['state_dict'][f'head.fc.{n}'].numpy()
        for n in ('weight', 'bias')
    )
    old, old_bias = (
        before['state_dict'][f'head.fc.{n}'].numpy() for n in ('weight', 'bias')
    )
    record = retrained.checkpoint['meta']['retrained']
    norms = np.linalg.norm(old, axis=1, keepdims=True)
    if retrained.method == 'tau-norm':
        assert_allclose(weight, old / norms ** record['tau'], rtol=1e-5)
        assert (bias == 0).all()
    elif retrained.method == 'ncm':
        assert record['distance'] == 'cl2n'
        right = predicted_by_cl2n(retrained) == cached(retrained, 'val')[1]
        after = record['validation']['after']['top1']
        assert after == pytest.approx(100 * right.mean(), abs=1e-4)
    elif retrained.method == 'lws':
        scale = (weight * old).sum(axis=1) / (old * old).sum(axis=1)
        assert_allclose(weight, scale[:, None] * old, rtol=1e-5, atol=1e-7)
        assert_allclose(bias, scale * old_bias, rtol=1e-5, atol=1e-7)
        assert scale.min() == pytest.approx(record['smallest_scale'], rel=1e-4)
        assert record['epochs'] == 500  # one step for 284 images
    else:
        assert record['sampling'] == 'class'
        assert record['init'] == 'new'
        assert record['epochs'] == 500
        features, labels = cached(retrained, 'train')
        assert ((features @ weight.T + bias).argmax(axis=1) == labels).mean() > 0.6
