"""Logit adjustment, re-balancing and temperature in tools/test.py and fitted models."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain import ImageClassificationInferencer
from numpy.testing import assert_allclose

from mmgala.datasets import DigitsDataset
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.functional.post_hoc import STEPS
from mmgala.utils.checkpoint import read_checkpoint
from tests.reference.post_hoc_numpy import chain
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import assert_one_line, call, options
from tests.tools.conftest import PRIOR, load_scores


@pytest.fixture(scope='module')
def chosen(raw, validation):
    """Expected strengths, from the validation set and the training counts."""
    return choose_post_hoc(
        validation.scores.astype(np.float32),
        validation.targets,
        class_counts=raw.counts,
        **dict.fromkeys(STEPS, 'auto'),
    ).steps


def by_hand(scores, counts, steps, mass):
    return chain(scores, counts, steps.logit_adjustment, steps.rebalancing, mass,
                 steps.temperature)  # fmt: skip


def test_given_strengths_equal_numpy(tmp_path, trained, raw):
    flags = ['--logit-adjustment', '0.4', '--rebalance', '--tau', '0.6',
             '--temperature', '1.5', '--work-dir', 'work']  # fmt: skip

    end = call('test', trained.config, trained.checkpoint, *flags,
               '--out', 'x.npz', cwd=tmp_path)  # fmt: skip

    assert end is None
    expected = chain(raw.scores, raw.counts, 0.4, 0.6, None, 1.5)
    found = load_scores(tmp_path / 'x.npz')
    assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6)
    (log,) = (tmp_path / 'work').glob('2*/2*.log')
    assert (
        'logit-adjusted with tau=0.4, then re-balanced with tau=0.6 over the whole '
        'test set, then scaled by temperature 1.5.'
    ) in log.read_text()


def test_one_step_alone(tmp_path, trained, raw):
    end = call('test', trained.config, trained.checkpoint, '--logit-adjustment', '1',
               '--out', 'x.npz', cwd=tmp_path)  # fmt: skip

    assert end is None
    expected = chain(raw.scores, raw.counts, 1.0, 0.0, None, 1.0)
    found = load_scores(tmp_path / 'x.npz')
    assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6)


def test_auto_chooses_strengths_on_the_validation_set(tmp_path, trained, raw, chosen):
    flags = ['--logit-adjustment', 'auto', '--rebalance', '--tau', 'auto',
             '--temperature', 'auto', '--work-dir', 'work']  # fmt: skip

    end = call('test', trained.config, trained.checkpoint, *flags,
               '--out', 'x.npz', cwd=tmp_path)  # fmt: skip

    assert end is None
    expected = by_hand(raw.scores, raw.counts, chosen, None)
    found = load_scores(tmp_path / 'x.npz')
    assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-5)
    assert chosen.logit_adjustment > 0
    (log,) = (tmp_path / 'work').glob('2*/2*.log')
    assert log.read_text().count('<- chosen') == 2
    (selection,) = (tmp_path / 'work').glob('selection/2*/2*.log')
    assert selection.read_text().count('Epoch(val)') == 1  # one pass over it


def metrics_of(folder, config, checkpoint, *flags):
    """Metrics of a test, and the config that it leaves in its work dir."""
    folder.mkdir()
    end = call('test', config, checkpoint, *flags, '--work-dir', 'work',
               '--out', 'metrics.json', cwd=folder)  # fmt: skip
    assert end is None
    saved = folder / 'work' / config.name
    return json.loads((folder / 'metrics.json').read_text()), saved


@pytest.mark.parametrize(
    ('flags', 'recorded'),
    [
        (['--tau', '1.7'], dict(rebalancing=1.7)),
        (['--logit-adjustment', '0.3', '--temperature', '1.5', '--target-prior',
          'FILE'],
         dict(logit_adjustment=0.3, temperature=1.5, target_prior=list(PRIOR))),
        (['--logit-adjustment', 'auto', '--tau', 'auto', '--temperature', 'auto'],
         'chosen'),
        (['--tau', '0.6', '--target-prior', 'train'],
         dict(rebalancing=0.6, target_prior='train')),
    ],
    ids=['given', 'prior', 'auto', 'prior of the training set'],
)  # fmt: skip
def test_saved_config_repeats_the_test(tmp_path, trained, chosen, flags, recorded):
    np.save(tmp_path / 'prior.npy', PRIOR)
    flags = [str(tmp_path / 'prior.npy') if f == 'FILE' else f for f in flags]

    metrics, saved = metrics_of(
        tmp_path / 'flags', trained.config, trained.checkpoint, *flags
    )

    evaluator = Config.fromfile(saved).test_evaluator
    del evaluator['metrics']
    steps = chosen.strengths if recorded == 'chosen' else recorded
    assert evaluator == dict(type='mmgala.PostHocEvaluator', **steps)
    repeated, _ = metrics_of(tmp_path / 'again', saved, trained.checkpoint)
    assert repeated == metrics


@pytest.fixture(scope='module')
def fitted(tmp_path_factory, trained):
    """Weights and config with all three steps, chosen on the validation set."""
    folder = tmp_path_factory.mktemp('fitted')
    flags = ['--logit-adjustment', 'auto', '--rebalance', '--temperature', 'auto']
    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'all.pth', *flags,
               cwd=folder)  # fmt: skip
    assert end is None
    return SimpleNamespace(weights=folder / 'all.pth', config=folder / 'all.py')


def test_fitted_state_follows_from_the_validation_set(fitted, chosen, raw):
    state = torch.load(fitted.weights, weights_only=True)['state_dict']

    def stored(name):
        return state[f'head.post_hoc.steps.{name}'].numpy()

    assert float(stored('0.tau')) == pytest.approx(chosen.logit_adjustment)
    assert stored('0.class_counts').tolist() == raw.counts.tolist()
    assert float(stored('1.tau')) == pytest.approx(chosen.rebalancing)
    assert_allclose(stored('1.class_mass'), chosen.class_mass.numpy(), rtol=1e-4)
    assert float(stored('2.temperature')) == pytest.approx(chosen.temperature, 1e-3)


def test_config_contains_the_chosen_values(fitted, chosen):
    steps = Config.fromfile(fitted.config).model.head.post_hoc.steps

    assert [step.type for step in steps] == [
        'mmgala.LogitAdjuster',
        'mmgala.PredictionRebalancer',
        'mmgala.TemperatureScaler',
    ]
    assert (steps[0].tau, steps[1].tau) == (
        chosen.logit_adjustment,
        chosen.rebalancing,
    )


def test_inferencer_of_mmpretrain_takes_all_steps_for_one_image(
    tmp_path, fitted, raw, chosen
):
    path = str(tmp_path / 'digit.png')
    assert cv2.imwrite(path, DigitsDataset('test')[250]['img'])

    (result,) = ImageClassificationInferencer(
        str(fitted.config), pretrained=str(fitted.weights), device='cpu'
    )(path)

    mass = chosen.class_mass.numpy()
    expected = by_hand(raw.scores[250:251], raw.counts, chosen, mass)[0]
    assert_allclose(result['pred_scores'], expected, rtol=2e-3, atol=1e-5)
    assert abs(expected - raw.scores[250]).max() > 1e-3


def test_no_step_is_applied_twice(tmp_path, fitted):
    flags = ['--logit-adjustment', '1', '--temperature', 'auto']
    end = call('test', fitted.config, fitted.weights, *flags, cwd=tmp_path)

    message = 'The model already has post-hoc steps'
    assert_one_line(end, f'{message} .* without --logit-adjustment and --temperature')
    end = call('fit_rebalancer', fitted.config, fitted.weights, 'o.pth', *flags,
               cwd=tmp_path)  # fmt: skip
    assert_one_line(end, 'The config already has post-hoc steps')


def test_a_step_that_needs_no_data_is_stored_without_inference(tmp_path, trained, raw):
    none = options(val_dataloader=None, val_cfg=None, val_evaluator=None)

    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'o.pth',
               '--logit-adjustment', '1.2', *none, cwd=tmp_path)  # fmt: skip

    assert end is None
    state = read_checkpoint(tmp_path / 'o.pth')['state_dict']
    assert float(state['head.post_hoc.tau']) == pytest.approx(1.2)
    assert state['head.post_hoc.class_counts'].tolist() == raw.counts.tolist()
    head = Config.fromfile(tmp_path / 'o.py').model.head
    assert head.post_hoc == dict(type='mmgala.LogitAdjuster', tau=1.2)


def test_mass_of_adjusted_scores_of_the_unlabelled_test_set(tmp_path, trained, raw):
    np.savetxt(tmp_path / 'prior.txt', PRIOR)
    flags = ['--logit-adjustment', '0.5', '--tau', '1', '--split', 'test',
             '--target-prior', 'prior.txt']  # fmt: skip

    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'o.pth', *flags,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    state = read_checkpoint(tmp_path / 'o.pth')['state_dict']
    adjusted = chain(raw.scores, raw.counts / PRIOR, 0.5, 0.0, None, 1.0)
    mass = state['head.post_hoc.steps.1.class_mass'].numpy()
    assert_allclose(mass, adjusted.sum(axis=0), rtol=1e-4)
    for step in (0, 1):
        prior = state[f'head.post_hoc.steps.{step}.target_prior']
        assert_allclose(prior.numpy(), PRIOR, rtol=1e-6)


def test_prior_of_the_training(tmp_path, trained, raw):
    flags = ['--rebalance', '--tau', '0.6', '--target-prior', 'train']

    end = call('test', trained.config, trained.checkpoint, *flags,
               '--out', 'x.npz', cwd=tmp_path)  # fmt: skip

    assert end is None
    share = raw.counts / raw.counts.sum()
    expected = rebalance(raw.scores, 0.6, target_prior=share)
    found = load_scores(tmp_path / 'x.npz')
    assert_allclose(found.scores, expected, rtol=1e-3, atol=1e-6)


def test_fitted_prior_of_the_training(tmp_path, trained, raw):
    flags = ['--tau', '1', '--split', 'test', '--target-prior', 'train']

    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'o.pth', *flags,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    state = read_checkpoint(tmp_path / 'o.pth')['state_dict']
    prior = state['head.post_hoc.target_prior'].numpy()
    assert_allclose(prior, raw.counts / raw.counts.sum(), rtol=1e-6)


@pytest.mark.parametrize('tool', ['test', 'fit_rebalancer'])
class TestBadInput:
    def end(self, tool, trained, checkpoint, folder, *flags):
        out = ['o.pth'] if tool == 'fit_rebalancer' else []
        end = call(tool, trained.config, checkpoint, *out, *flags, cwd=folder)
        assert not (folder / 'o.pth').exists()
        return end

    @pytest.mark.parametrize(
        ('flags', 'message'),
        [
            (['--temperature=0'], '--temperature takes a number or auto: .* got 0'),
            (['--temperature=-1'], '--temperature takes a number or auto'),
            (['--temperature=hot'], '--temperature takes a number or auto: could'),
            (['--logit-adjustment=-1'], '--logit-adjustment takes a number or'),
            (['--logit-adjustment=x'], '--logit-adjustment takes a number or'),
            (
                ['--temperature=2', '--target-prior=x.txt'],
                '--target-prior has no effect',
            ),
        ],
    )
    def test_values(self, tmp_path, trained, tool, flags, message):
        end = self.end(tool, trained, trained.checkpoint, tmp_path, *flags)
        assert_one_line(end, message)

    def test_checkpoint_without_class_counts(self, tmp_path, trained, tool):
        state = read_checkpoint(trained.checkpoint)['state_dict']
        torch.save({'state_dict': state}, tmp_path / 'from_elsewhere.pth')

        end = self.end(tool, trained, 'from_elsewhere.pth', tmp_path,
                       '--logit-adjustment', 'auto')  # fmt: skip

        assert_one_line(end, '--logit-adjustment needs the class counts .* has none')
        end = self.end(tool, trained, 'from_elsewhere.pth', tmp_path,
                       '--rebalance', '--target-prior', 'train')  # fmt: skip
        assert_one_line(end, '--target-prior train needs the class counts .* give a FI')

    @pytest.mark.parametrize('flag', ['--logit-adjustment', '--temperature'])
    def test_auto_without_a_validation_set(self, tmp_path, trained, tool, flag):
        none = options(val_dataloader=None, val_cfg=None, val_evaluator=None)
        end = self.end(tool, trained, trained.checkpoint, tmp_path, flag, 'auto', *none)
        assert_one_line(end, 'The config has no val_dataloader|but the config has no')


def test_nothing_is_chosen_on_test_labels(tmp_path, trained):
    end = call('fit_rebalancer', trained.config, trained.checkpoint, 'o.pth',
               '--temperature', 'auto', '--split', 'test', cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '--temperature auto needs labels, .* --split val')


def test_temperature_does_not_change_accuracy(tmp_path, trained, raw):
    end = call('test', trained.config, trained.checkpoint, '--temperature', '0.7',
               '--out', 'x.json', cwd=tmp_path)  # fmt: skip

    assert end is None
    metrics = json.loads((tmp_path / 'x.json').read_text())
    accuracy = 100 * (raw.scores.argmax(axis=1) == raw.targets).mean()
    assert metrics['accuracy/top1'] == pytest.approx(accuracy, abs=1e-4)
