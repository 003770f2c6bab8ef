"""Class shares of the data to predict: --target-prior, and what labels say of it."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from mmgala.utils.checkpoint import read_checkpoint
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import assert_one_line, call
from tests.tools.tau import best_tau

FACTOR = 20


@pytest.fixture(scope='module')
def unbalanced(tmp_path_factory, trained):
    """A config whose validation and test sets have a long tail."""
    cfg = Config.fromfile(trained.config)
    for split in ('val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset = dict(
            type='mmgala.LongTailedDataset', imbalance_factor=FACTOR,
            dataset=loader.dataset,
        )  # fmt: skip
    path = tmp_path_factory.mktemp('unbalanced') / 'unbalanced.py'
    cfg.dump(path)
    return path


def logged(work_dir):
    (path,) = work_dir.glob('2*/2*.log')
    return path.read_text()


def outcome(folder, config, checkpoint, *flags):
    """Log, metrics and saved evaluator of a test."""
    folder.mkdir()
    end = call('test', config, checkpoint, '--work-dir', folder / 'work', *flags,
               '--out', folder / 'metrics.json', cwd=folder)  # fmt: skip
    assert end is None
    evaluator = Config.fromfile(folder / 'work' / config.name).test_evaluator
    return (
        logged(folder / 'work'),
        json.loads((folder / 'metrics.json').read_text()),
        evaluator,
    )


def test_wrong_assumption_is_the_last_line(tmp_path, trained, unbalanced):
    text, _, _ = outcome(tmp_path / 'a', unbalanced, trained.checkpoint, '--rebalance')

    last = text.strip().splitlines()[-1]
    assert text.count('contradict') == 1
    assert 'labels of the test set contradict them: 0 10.0 % assumed, ' in last
    assert '--target-prior train, val or FILE' in last


def test_right_assumption_keeps_the_accuracy(tmp_path, trained, unbalanced):
    _, raw, _ = outcome(tmp_path / 'raw', unbalanced, trained.checkpoint)
    flags = ['--rebalance', '--tau', 'auto']

    wrong_text, wrong, _ = outcome(
        tmp_path / 'wrong', unbalanced, trained.checkpoint, *flags
    )
    text, right, evaluator = outcome(
        tmp_path / 'right', unbalanced, trained.checkpoint, *flags,
        '--target-prior', 'val'
    )  # fmt: skip

    top1 = 'accuracy/top1'
    assert right[top1] >= raw[top1] > wrong[top1]
    assert 'contradict' not in text
    counts = np.array([int(25 * FACTOR ** (-c / 9)) for c in range(10)])
    assert evaluator.target_prior == pytest.approx((counts / counts.sum()).tolist())
    assert 'This assumes balanced classes' in wrong_text
    assert 'use --target-prior val' in wrong_text
    assert 'This assumes balanced classes' not in text


def test_balanced_is_the_default(tmp_path, trained):
    flags = ['--rebalance', '--tau', '1.2']

    _, default, _ = outcome(tmp_path / 'a', trained.config, trained.checkpoint, *flags)
    text, balanced, _ = outcome(
        tmp_path / 'b', trained.config, trained.checkpoint, *flags,
        '--target-prior', 'balanced'
    )  # fmt: skip

    assert balanced == default
    assert 'contradict' not in text


@pytest.mark.parametrize(
    ('flags', 'data'),
    [([], 'validation set'), (['--split', 'test', '--tau', '1'], 'test set')],
    ids=['val', 'test'],
)
def test_fitting_for_balanced_classes_is_said(
    tmp_path, trained, unbalanced, flags, data
):
    end = call('fit_rebalancer', unbalanced, trained.checkpoint, 'out.pth', *flags,
               '--work-dir', 'work', cwd=tmp_path)  # fmt: skip

    assert end is None
    last = logged(tmp_path / 'work').strip().splitlines()[-1]
    assert data in last
    assert '0 10.0 % assumed, ' in last


def test_fitted_model_knows_the_shares_and_is_checked_in_a_test(
    tmp_path, trained, unbalanced
):
    for out, flags in (('even', []), ('val', ['--target-prior', 'val'])):
        end = call('fit_rebalancer', unbalanced, trained.checkpoint, f'{out}.pth',
                   *flags, '--tau', '1', '--work-dir', f'fit_{out}',
                   cwd=tmp_path)  # fmt: skip
        assert end is None

    even, val = (
        outcome(tmp_path / name, tmp_path / f'{name}.py', tmp_path / f'{name}.pth')
        for name in ('even', 'val')
    )

    prior = read_checkpoint(tmp_path / 'val.pth')['state_dict']
    counts = np.array([int(25 * FACTOR ** (-c / 9)) for c in range(10)])
    np.testing.assert_allclose(
        prior['head.post_hoc.target_prior'], counts / counts.sum(), rtol=1e-6
    )
    last = even[0].strip().splitlines()[-1]
    assert 'labels of the test set contradict them' in last
    assert 'mmgala fit --target-prior' in last
    assert 'contradict' not in val[0]


def test_shares_of_a_missing_validation_set(tmp_path, trained):
    end = call('test', trained.config, trained.checkpoint, '--rebalance',
               '--target-prior', 'val', '--cfg-options', 'val_dataloader=None',
               'val_cfg=None', 'val_evaluator=None', cwd=tmp_path)  # fmt: skip

    assert_one_line(end, 'no val_dataloader')


@pytest.mark.parametrize('given', ['balanced', 'val'])
def test_tau_norm_chooses_for_the_shares(tmp_path, trained, unbalanced, given, capsys):
    flags = ['--method', 'tau-norm', '--target-prior', given]
    end = call('retrain_classifier', unbalanced, trained.checkpoint, 'out.pth', *flags,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    printed = capsys.readouterr().err
    warned = 'labels of the validation set contradict them' in printed
    assert warned == (given == 'balanced')
    results = read_checkpoint(tmp_path / 'out.pth')['meta']['retrained']['validation']
    if given == 'val':
        assert results['after']['top1'] >= results['before']['top1'] - 5


@pytest.mark.parametrize('sampling', ['class', 'instance'])
def test_class_balanced_sampling_assumes_balanced_classes(
    tmp_path, trained, unbalanced, sampling, capsys
):
    end = call('retrain_classifier', unbalanced, trained.checkpoint, 'out.pth',
               '--method', 'crt', '--epochs', '1', '--sampling', sampling,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    assert ('--sampling instance and' in capsys.readouterr().err) == (
        sampling == 'class'
    )


def test_prior_and_strength_of_tau_norm_exclude_each_other(tmp_path, trained):
    end = call('retrain_classifier', trained.config, trained.checkpoint, 'out.pth',
               '--method', 'tau-norm', '--tau', '1', '--target-prior', 'train',
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, '`target_prior` chooses tau')


def test_saved_predictions_are_rebalanced_for_the_validation_shares(
    tmp_path, trained, unbalanced, capsys
):
    for split in ('val', 'test'):
        cfg = Config.fromfile(unbalanced)
        cfg.test_dataloader = cfg[f'{split}_dataloader']
        cfg.dump(tmp_path / f'{split}.py')
        end = call('test', tmp_path / f'{split}.py', trained.checkpoint,
                   '--out', f'{split}.npz', cwd=tmp_path)  # fmt: skip
        assert end is None
    flags = ['test.npz', '--val', 'val.npz']

    for prior in ('balanced', 'val'):
        end = call('analysis/evaluate_predictions', *flags, '--target-prior', prior,
                   '--out', prior, cwd=tmp_path, cfg_options=False)  # fmt: skip
        assert end is None
        printed = capsys.readouterr().err.strip()
        assert ('contradict' in printed.splitlines()[-1]) == (prior == 'balanced')

    stored, test = (np.load(tmp_path / f'{name}.npz') for name in ('val', 'test'))
    share = np.bincount(stored['gt_label'], minlength=10) / len(stored['gt_label'])
    tau, _ = best_tau(stored['pred_score'], stored['gt_label'], prior=share)
    expected = rebalance(test['pred_score'].astype(np.float64), tau, target_prior=share)
    (run,) = json.loads((tmp_path / 'val' / 'predictions.json').read_text())['runs']
    top1 = 100 * (expected.argmax(axis=1) == test['gt_label']).mean()
    assert run['predictions']['tau'] == tau
    found = run['predictions']['rebalanced']['metrics']['top1']
    assert found == pytest.approx(top1)


def test_validation_shares_need_validation_predictions(tmp_path):
    end = call('analysis/evaluate_predictions', 'x.npz', '--target-prior', 'val',
               cwd=tmp_path, cfg_options=False)  # fmt: skip

    assert_one_line(end, '--target-prior val needs .* --val')
