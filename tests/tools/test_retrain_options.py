"""tools/retrain_classifier.py: distances, losses, heads and strengths on request."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose
from sklearn.neighbors import NearestCentroid

from mmgala.datasets import DigitsDataset
from mmgala.registry import MODELS
from mmgala.retraining import RetrainOptions, retrain_classifier
from mmgala.utils.checkpoint import read_checkpoint
from tests.tools.command_line import assert_one_line, call, options
from tests.tools.retraining import TOOL, evaluate_on_validation


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Output folder; all trainings share the cached features."""
    return tmp_path_factory.mktemp('retrained')


@pytest.fixture(scope='module')
def before(trained):
    return read_checkpoint(trained.checkpoint)


def retrain(trained, folder, name, *flags):
    """Run the tool with the shared features; return its error or ``None``."""
    arguments = [trained.config, trained.checkpoint, folder / f'{name}.pth', *flags,
                 '--features', folder / 'deep' / 'features']  # fmt: skip
    return call(TOOL, *arguments, cwd=folder)


def test_nearest_class_mean_of_raw_features(trained, folder, before):
    flags = ['--method', 'ncm', '--distance', 'euclidean']
    assert retrain(trained, folder, 'euclidean', *flags) is None

    state = read_checkpoint(folder / 'euclidean.pth')['state_dict']
    paths = (folder / 'deep' / 'features').glob('train-*')
    features, labels = (
        np.load(path / f'{n}.npy', allow_pickle=False)
        for path in paths
        for n in ('features', 'labels')
    )
    centroids = NearestCentroid().fit(features, labels).centroids_
    assert_allclose(state['head.fc.weight'], 2 * centroids, rtol=1e-4, atol=1e-6)
    assert set(state) == set(before['state_dict'])
    head = Config.fromfile(folder / 'euclidean.py').model.head
    assert head == Config.fromfile(trained.config).model.head


def test_ncm_output_takes_post_hoc_steps_but_is_not_retrained(
    trained, folder, tmp_path, capsys
):
    assert retrain(trained, folder, 'means', '--method', 'ncm') is None
    means = folder / 'means'
    head = Config.fromfile(means.with_suffix('.py')).model.head
    assert head.type == 'mmgala.ClassMeanClsHead'
    assert head.loss.type == 'mmgala.GALALoss'  # unchanged

    for method in ('crt', 'ncm'):
        end = call(TOOL, means.with_suffix('.py'), means.with_suffix('.pth'),
                   tmp_path / 'o.pth', '--method', method, cwd=tmp_path)  # fmt: skip
        assert_one_line(end, r'head\.fc holds the class means of an earlier ncm')
    fitted = tmp_path / 'fitted.pth'
    assert call('fit_rebalancer', means.with_suffix('.py'), means.with_suffix('.pth'),
                fitted, '--tau', '1', cwd=tmp_path) is None  # fmt: skip
    state = read_checkpoint(fitted)['state_dict']
    assert torch.equal(
        state['head.fc.center'],
        read_checkpoint(means.with_suffix('.pth'))['state_dict']['head.fc.center'],
    )


def test_a_head_that_is_not_linear_has_no_centred_class_means(trained, tmp_path):
    config = tmp_path / 'stacked.py'
    head = 'dict(_delete_=True, type="StackedLinearClsHead", num_classes=10,'
    head += ' in_channels=32, mid_channels=[16])'
    config.write_text(f"_base_ = '{trained.config}'\nmodel = dict(head={head})\n")
    checkpoint = read_checkpoint(trained.checkpoint)
    init_default_scope('mmpretrain')
    model = MODELS.build(Config.fromfile(config).model)
    fresh = {k: v for k, v in model.state_dict().items() if k.startswith('head.')}
    torch.save(
        {'state_dict': {**checkpoint['state_dict'], **fresh}}, tmp_path / 's.pth'
    )
    arguments = [config, tmp_path / 's.pth', tmp_path / 'o.pth', '--method', 'ncm']

    end = call(TOOL, *arguments, cwd=tmp_path)

    assert_one_line(
        end,
        r'linear head, but this is head\.layers\.\d\.fc in a StackedLinearClsHead: '
        'choose --distance euclidean or cosine',
    )
    assert call(TOOL, *arguments, '--distance', 'euclidean', cwd=tmp_path) is None


def test_the_trained_classifier_is_trained_further(trained, folder, before):
    """With a negligible learning rate, it does not change."""
    flags = ['--method', 'crt', '--epochs', '1', '--lr', '1e-9', '--init']
    old = before['state_dict']['head.fc.weight']
    for init in ('trained', 'new'):
        assert retrain(trained, folder, f'from_{init}', *flags, init) is None

        new = read_checkpoint(folder / f'from_{init}.pth')
        weight = new['state_dict']['head.fc.weight']
        assert new['meta']['retrained']['init'] == init
        assert torch.allclose(weight, old, atol=1e-6) == (init == 'trained')
        if init == 'new':
            assert 0.17 < weight.abs().max() <= 32**-0.5  # 0.1768


def test_focal_loss_initialises_the_bias_as_its_authors_do(trained, folder):
    flags = ['--method', 'crt', '--loss', 'mmgala.ClassBalancedFocalLoss', '--epochs',
             '1', '--lr', '1e-9']  # fmt: skip
    assert retrain(trained, folder, 'focal', *flags) is None

    state = read_checkpoint(folder / 'focal.pth')['state_dict']
    assert_allclose(state['head.fc.bias'], [-2.1972246] * 10, atol=1e-6)  # -log(9)


def test_loss_statistics_are_stored(trained, folder, before):
    flags = ['--method', 'crt', '--loss', 'mmgala.GALALoss', '--loss-options',
             'lambda_pos=0.5', '--epochs', '3', '--batch-size', '32']  # fmt: skip

    assert retrain(trained, folder, 'gala', *flags) is None

    new = read_checkpoint(folder / 'gala.pth')
    theta = new['state_dict']['head.loss_module.pos_grad']
    record = new['meta']['retrained']
    assert not torch.equal(theta, before['state_dict']['head.loss_module.pos_grad'])
    assert 0 < theta.sum() <= 3 * 284
    loss = Config.fromfile(folder / 'gala.py').model.head.loss
    assert loss == dict(type='mmgala.GALALoss', num_classes=10, lambda_pos=0.5)
    assert (record['epochs'], record['sampling']) == (3, 'class')


@pytest.mark.parametrize('sampling', [None, 'class'])
def test_a_loss_that_corrects_for_the_counts(trained, folder, capsys, sampling):
    flags = ['--method', 'lws', '--loss', 'mmgala.EqualizationLoss', '--epochs', '1']
    flags += ['--sampling', sampling] if sampling else []

    assert retrain(trained, folder, 'eql', *flags) is None

    new = read_checkpoint(folder / 'eql.pth')
    stored = new['state_dict']['head.loss_module.class_counts']
    assert stored.tolist() == new['meta']['class_counts']
    assert new['meta']['retrained']['sampling'] == (sampling or 'instance')
    warned = 'favours the tail twice' in capsys.readouterr().err
    assert warned == (sampling == 'class')


def check_figures(weights, folder):
    """Assert that a new classifier's recorded metrics equal those of its test."""
    figures = read_checkpoint(weights)['meta']['retrained']['validation']
    found = evaluate_on_validation(weights.with_suffix('.py'), weights, folder)
    for name, value in figures['after'].items():
        assert found[name] == pytest.approx(value, abs=1e-3), name


def test_a_cosine_layer_stays_a_cosine_layer(trained, tmp_path, capsys):
    config = tmp_path / 'cosine.py'
    head = "dict(_delete_=True, type='mmgala.CosineClsHead', num_classes=10,"
    head += ' in_channels=32, scale=12.0)'
    config.write_text(f"_base_ = '{trained.config}'\nmodel = dict(head={head})\n")
    arguments = [TOOL, config, trained.checkpoint, 'out.pth', '--method']
    loss = ['--loss', 'mmgala.LDAMLoss', '--loss-options', 'scale=12.0']

    for scale in (20.0, 12.0):  # the head's scale becomes that of the loss
        loss[-1] = f'scale={scale}'
        assert call(*arguments, 'crt', '--epochs', '100', *loss, cwd=tmp_path) is None
        said = capsys.readouterr().err.count('scale of the cosine layer is set')
        assert said == (scale != 12)
        out = tmp_path / 'out.pth'
        head = Config.fromfile(out.with_suffix('.py')).model.head
        assert head.type == 'mmgala.CosineClsHead'
        assert (head.scale, head.loss.scale) == (scale, scale)
        check_figures(out, tmp_path)
    figures = read_checkpoint(out)['meta']['retrained']['validation']
    assert figures['after']['class_mean'] > figures['before']['class_mean']
    end = call(*arguments, 'lws', cwd=tmp_path)
    assert_one_line(end, r'head\.fc computes cosines, .* use crt')


def test_given_strength_needs_no_validation_set(trained, folder, capsys):
    flags = ['--method', 'tau-norm', '--tau', '0.3', *options(val_dataloader='None')]
    assert retrain(trained, folder, 'given', *flags) is None

    record = read_checkpoint(folder / 'given.pth')['meta']['retrained']
    assert record == dict(method='tau-norm', tau=0.3)
    assert 'No validation metrics' in capsys.readouterr().err


def test_validating_on_the_test_set_is_reported(trained, folder, capsys):
    flags = ['--method', 'tau-norm', *options(val_dataloader__dataset__split='test')]
    assert retrain(trained, folder, 'same', *flags) is None
    assert (
        'the validation set of this config IS its test set' in capsys.readouterr().err
    )


def test_classes_without_samples(trained, tmp_path, capsys, monkeypatch):
    config = tmp_path / 'two_classes.py'
    config.write_text(f"""
_base_ = '{trained.config}'
train_dataloader = dict(dataset=dict(
    _delete_=True, type='mmgala.DigitsDataset', split='train',
    pipeline=[dict(type='PackInputs')]))
""")
    load = DigitsDataset.load_data_list
    monkeypatch.setattr(
        DigitsDataset,
        'load_data_list',
        lambda self: [s for s in load(self) if self.split != 'train'
                      or s['gt_label'] in (0, 7)],
    )  # fmt: skip
    for method, *flags in (['ncm'], ['crt', '--epochs', '50']):
        out = tmp_path / f'{method}.pth'
        assert call(TOOL, config, trained.checkpoint, out, '--method', method, *flags,
                    cwd=tmp_path) is None  # fmt: skip
        checkpoint = read_checkpoint(out)
        assert all(v.isfinite().all() for v in checkpoint['state_dict'].values())
        assert np.flatnonzero(checkpoint['meta']['class_counts']).tolist() == [0, 7]
        # Of ten classes of similar size, two can be predicted correctly.
        assert 10 < checkpoint['meta']['retrained']['validation']['after']['top1'] <= 20

    text = capsys.readouterr().err
    assert 'class counts of the training set differ' in text
    assert (
        '8 classes have no training samples (the first is class 1): they are never'
        in text
    )


def test_python_interface(trained, folder):
    cfg = Config.fromfile(trained.config)

    out = retrain_classifier(
        cfg,
        trained.checkpoint,
        folder / 'api.pth',
        'ncm',
        RetrainOptions(distance='cosine'),
        features=folder / 'deep' / 'features',
    )

    assert out == folder / 'api.pth'
    record = read_checkpoint(out)['meta']['retrained']
    assert record['distance'] == 'cosine'
    assert cfg.pretty_text == Config.fromfile(trained.config).pretty_text
