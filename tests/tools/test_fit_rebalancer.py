"""tools/fit_rebalancer.py: a fitted model re-balances as a NumPy reference does."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain import ImageClassificationInferencer
from numpy.testing import assert_allclose

from mmgala.datasets import DigitsDataset
from mmgala.utils.checkpoint import read_checkpoint
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import assert_one_line, call, call_and_read
from tests.tools.conftest import PRIOR, load_scores
from tests.tools.tau import best_tau


def stored_rebalancer(path):
    state = torch.load(path, weights_only=True)['state_dict']
    prefix = 'head.post_hoc.'
    return SimpleNamespace(
        **{k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    )


@pytest.fixture(scope='module')
def fitted(tmp_path_factory, trained):
    """Weights and config of a re-balancer fitted on the validation set."""
    folder = tmp_path_factory.mktemp('fitted')
    weights = folder / 'deep' / 'fitted.pth'
    arguments = [trained.config, trained.checkpoint, weights, '--work-dir', 'log']
    printed = call_and_read('fit_rebalancer', *arguments, cwd=folder)
    return SimpleNamespace(
        weights=weights, config=weights.with_suffix('.py'), printed=printed
    )


def test_class_mass_is_the_sum_of_the_validation_scores(fitted, validation):
    stored = stored_rebalancer(fitted.weights)

    expected = validation.scores.sum(axis=0)
    assert_allclose(stored.class_mass.numpy(), expected, rtol=1e-5)
    assert stored.target_prior.shape == (0,)


def test_tau_is_the_best_on_the_validation_set(fitted, validation):
    expected, _ = best_tau(validation.scores, validation.targets)

    assert float(stored_rebalancer(fitted.weights).tau) == pytest.approx(expected)
    assert f'tau={expected:g}, to ' in fitted.printed.stderr
    assert '<- chosen' in fitted.printed.stdout


def test_weights_and_statistics_are_unchanged(fitted, trained):
    state = torch.load(fitted.weights, weights_only=True)['state_dict']
    before = read_checkpoint(trained.checkpoint)['state_dict']

    added = set(state) - set(before)
    assert added == {
        f'head.post_hoc.{n}' for n in ('tau', 'class_mass', 'target_prior')
    }
    assert all(torch.equal(state[name], value) for name, value in before.items())


def test_no_other_files_are_written(fitted):
    assert sorted(p.name for p in fitted.weights.parent.iterdir()) == [
        'fitted.pth',
        'fitted.py',
    ]


def test_predictions_equal_numpy_with_the_stored_mass(tmp_path, fitted, raw):
    out = tmp_path / 'scores.npz'

    end = call('test', fitted.config, fitted.weights, '--out', out, cwd=tmp_path)

    assert end is None
    stored = stored_rebalancer(fitted.weights)
    expected = rebalance(raw.scores, float(stored.tau), stored.class_mass.numpy())
    assert_allclose(load_scores(out).scores, expected, rtol=1e-3, atol=1e-6)


def test_fitted_model_is_not_rebalanced_twice(tmp_path, fitted):
    end = call('test', fitted.config, fitted.weights, '--rebalance', cwd=tmp_path)

    assert end.startswith('error: The model already has post-hoc steps')


@pytest.mark.parametrize('index', [0, 250, 499])
def test_inferencer_of_mmpretrain_gives_rebalanced_scores_of_one_image(
    tmp_path, trained, fitted, raw, index
):
    path = str(tmp_path / 'digit.png')
    assert cv2.imwrite(path, DigitsDataset('test')[index]['img'])

    scores = {
        name: ImageClassificationInferencer(
            str(config), pretrained=str(weights), device='cpu'
        )(path)[0]['pred_scores']
        for name, config, weights in (
            ('raw', trained.config, trained.checkpoint),
            ('fitted', fitted.config, fitted.weights),
        )
    }

    assert_allclose(scores['raw'], raw.scores[index], atol=1e-5)
    stored = stored_rebalancer(fitted.weights)
    expected = rebalance(
        scores['raw'][None], float(stored.tau), stored.class_mass.numpy()
    )
    assert_allclose(scores['fitted'], expected[0], rtol=1e-3, atol=1e-6)
    assert abs(scores['fitted'] - scores['raw']).max() > 1e-3


def test_given_strength_split_and_prior(tmp_path, trained, raw):
    np.savetxt(tmp_path / 'prior.txt', PRIOR)
    out = tmp_path / 'out.pth'
    flags = ['--split', 'test', '--tau', '1.2', '--target-prior', 'prior.txt']

    assert call('fit_rebalancer', trained.config, trained.checkpoint, out, *flags,
                cwd=tmp_path) is None  # fmt: skip

    stored = stored_rebalancer(out)
    assert float(stored.tau) == pytest.approx(1.2)
    assert_allclose(stored.class_mass.numpy(), raw.scores.sum(axis=0), rtol=1e-5)
    assert_allclose(stored.target_prior.numpy(), PRIOR, rtol=1e-6)


def test_model_trained_with_cross_entropy_keeps_its_loss(tmp_path, trained, raw):
    config = tmp_path / 'cross_entropy.py'
    head = "dict(_delete_=True, type='LinearClsHead', num_classes=10, in_channels=32)"
    config.write_text(f"_base_ = '{trained.config}'\nmodel = dict(head={head})\n")
    out = tmp_path / 'out.pth'

    assert call('fit_rebalancer', config, trained.checkpoint, out, '--tau', '1',
                cwd=tmp_path) is None  # fmt: skip
    scores = tmp_path / 'scores.npz'
    assert call('test', out.with_suffix('.py'), out, '--out', scores,
                cwd=tmp_path) is None  # fmt: skip

    assert head_of(out)['type'] == 'mmgala.GALAHead'
    assert head_of(out)['loss'] == {'type': 'CrossEntropyLoss'}
    mass = stored_rebalancer(out).class_mass.numpy()
    expected = rebalance(raw.scores, 1.0, mass)
    assert_allclose(load_scores(scores).scores, expected, rtol=1e-3, atol=1e-6)


def test_gala_head_with_its_default_loss_keeps_it(tmp_path, trained):
    config = tmp_path / 'default.py'
    head = "dict(_delete_=True, type='mmgala.GALAHead', num_classes=10, in_channels=32)"
    config.write_text(f"_base_ = '{trained.config}'\nmodel = dict(head={head})\n")
    out = tmp_path / 'out.pth'

    assert call('fit_rebalancer', config, trained.checkpoint, out, '--tau', '1',
                cwd=tmp_path) is None  # fmt: skip

    assert 'loss' not in head_of(out)


def test_head_of_a_user_takes_post_hoc_steps_like_its_parent(tmp_path, trained):
    (tmp_path / 'own_head.py').write_text(
        'from mmpretrain.registry import MODELS\n'
        'from mmgala.models import GALAHead\n'
        '@MODELS.register_module(force=True)\n'
        'class OwnHead(GALAHead):\n'
        '    """Of a user."""\n'
    )
    config = tmp_path / 'own.py'
    config.write_text(
        f"_base_ = '{trained.config}'\n"
        "custom_imports = dict(imports=['own_head'])\n"
        "model = dict(head=dict(type='OwnHead'))\n"
    )
    out = tmp_path / 'out.pth'

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert call('fit_rebalancer', config, trained.checkpoint, out, '--tau', '1',
                    cwd=tmp_path) is None  # fmt: skip

    assert head_of(out)['type'] == 'OwnHead'
    assert stored_rebalancer(out).class_mass.shape == (10,)


def test_cosine_head_is_kept_and_predicts_as_in_the_test(tmp_path, trained):
    config = tmp_path / 'cosine.py'
    head = "dict(_delete_=True, type='mmgala.CosineClsHead', num_classes=10,"
    head += (
        " in_channels=32, scale=12.0, loss=dict(type='mmgala.LDAMLoss', scale=12.0))"
    )
    config.write_text(f"_base_ = '{trained.config}'\nmodel = dict(head={head})\n")
    flags = ['--logit-adjustment', '0.5', '--tau', '1', '--temperature', '1.5']
    out = tmp_path / 'out.pth'

    runs = [
        # With the predicted marginal of the test set, as in the last run.
        call('fit_rebalancer', config, trained.checkpoint, out, *flags, '--split',
             'test', cwd=tmp_path),
        call('test', out.with_suffix('.py'), out, '--out', 'new.npz', cwd=tmp_path),
        call('test', config, trained.checkpoint, *flags, '--rebalance',
             '--out', 'old.npz', cwd=tmp_path),
    ]  # fmt: skip

    assert runs == [None, None, None]
    assert head_of(out)['type'] == 'mmgala.CosineClsHead'
    assert head_of(out)['scale'] == 12.0
    assert head_of(out)['loss']['type'] == 'mmgala.LDAMLoss'
    new, old = (load_scores(tmp_path / f'{name}.npz').scores for name in ('new', 'old'))
    assert_allclose(new, old, rtol=1e-3, atol=1e-6)


def head_of(weights):
    """The head in the config that was written beside the weights."""
    return Config.fromfile(weights.with_suffix('.py')).model.head


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            ['model.head.type=StackedLinearClsHead'],
            'require LinearClsHead, .* has StackedLinearClsHead',
        ),
        (
            ['model.head.rebalancer.type=mmgala.PredictionRebalancer'],
            'The config already has post-hoc steps .*model.head.rebalancer',
        ),
        (
            ['model.head.post_hoc.type=mmgala.PredictionRebalancer'],
            'The config already has post-hoc steps .*model.head.post_hoc',
        ),
        (['val_dataloader=None'], 'The config has no val_dataloader'),
    ],
    ids=['non-linear head', 'old name', 'second step', 'no validation set'],
)
def test_config_that_cannot_be_fitted_is_refused(tmp_path, trained, changes, message):
    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'out.pth',
               '--cfg-options', *changes, cwd=tmp_path)  # fmt: skip

    assert_one_line(end, message)
    assert not (tmp_path / 'out.pth').exists()
