"""Metrics of tools/test.py against scikit-learn and NumPy on the scores it writes."""

import json
import re

import cv2
import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose

from mmgala.analysis import analyse_predictions, read_predictions
from mmgala.datasets import DigitsDataset, LongTailedDataset
from mmgala.functional import ShotThresholds
from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_origin import Origin
from tests.evaluation.references import expected_metrics
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import call
from tests.tools.conftest import PRIOR, load_scores
from tests.tools.tau import best_tau

LIMITS = dict(many=40, few=10)  # as in the digits config


def log(work_dir):
    (path,) = work_dir.glob('2*/2*.log')
    return path.read_text()


def logged_metrics(work_dir):
    """Metrics that MMEngine writes beside the log."""
    (path,) = work_dir.glob('2*/2*.json')
    return json.loads(path.read_text())


def assert_metrics(found, scores, data):
    expected = expected_metrics(scores, data.targets, data.counts, **LIMITS)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-4), name


@pytest.fixture(scope='module')
def model(trained):
    init_default_scope('mmpretrain')
    model = MODELS.build(Config.fromfile(trained.config).model)
    checkpoint = read_checkpoint(trained.checkpoint)
    model.load_state_dict(checkpoint['state_dict'], strict=False)
    return model.eval()


def model_scores(model, images):
    """Softmax scores of the network, without pipeline, loader or preprocessor."""
    images = torch.tensor(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        return model((images - 78.0) / 96.0, mode='tensor').softmax(dim=1).numpy()


@pytest.fixture(scope='module')
def images():
    data = DigitsDataset('test')
    return np.stack([data[i]['img'] for i in range(len(data))]).astype(np.float32)


def test_scores_equal_those_of_the_network_in_data_set_order(model, images, raw):
    assert_allclose(raw.scores, model_scores(model, images), atol=1e-5)
    assert raw.targets.tolist() == DigitsDataset('test').get_gt_labels().tolist()


def test_counts_equal_those_of_the_training_set(raw):
    data = LongTailedDataset(DigitsDataset('train'), imbalance_factor=50)

    assert raw.counts.tolist() == np.bincount(data.get_gt_labels()).tolist()


def test_shot_thresholds_of_the_config_are_written_and_read(tested, trained, raw):
    dump = read_predictions(tested['raw.npz'].path)
    checkpoint = read_checkpoint(trained.checkpoint)
    assert dump.origin == Origin.of(trained.checkpoint, checkpoint)
    assert dump.thresholds == ShotThresholds(**LIMITS)
    assert read_checkpoint(trained.checkpoint)['meta']['shot_thresholds'] == LIMITS
    found = analyse_predictions(dump, tau=1.0)['raw']['metrics']
    assert_metrics({f'accuracy/{k}': v for k, v in found.items()}, raw.scores, raw)


def test_metrics_match_the_written_scores(tested, raw):
    assert_metrics(logged_metrics(tested['raw.npz'].work_dir), raw.scores, raw)


def test_the_trained_model_beats_chance_and_is_biased(raw):
    predicted = raw.scores.argmax(axis=1)

    assert (predicted == raw.targets).mean() > 0.3
    mass = raw.scores.sum(axis=0)
    assert mass.max() > 3 * mass.min()


def test_rebalanced_metrics_equal_numpy(tested, raw):
    metrics = json.loads(tested['tau.json'].path.read_text())

    assert_metrics(metrics, rebalance(raw.scores, 1.7), raw)
    assert 'tau=1.7 over the whole test set' in log(tested['tau.json'].work_dir)


def test_rebalancing_changes_the_metrics(tested):
    metrics = json.loads(tested['tau.json'].path.read_text())

    assert metrics != logged_metrics(tested['raw.npz'].work_dir)


def test_tau_auto_is_the_best_on_the_validation_scores(tested, validation):
    """The strength depends on validation data only, not on test labels."""
    expected, curve = best_tau(validation.scores, validation.targets)

    text = log(tested['auto.npz'].work_dir)
    rows = re.findall(r'^(\d\.\d\d) +(\d+\.\d\d) .*$', text, re.MULTILINE)
    assert [float(tau) for tau, _ in rows] == [i / 10 for i in range(31)]
    assert_allclose([float(accuracy) for _, accuracy in rows], curve, atol=0.0051)
    (chosen,) = re.findall(r'^(\S+) .*<- chosen$', text, re.MULTILINE)
    assert float(chosen) == expected
    assert f're-balanced with tau={expected:g} over' in text
    assert 'WARNING: the validation set' not in text


def test_tau_auto_rebalances_the_test_scores_by_that_strength(tested, raw, validation):
    tau, _ = best_tau(validation.scores, validation.targets)

    auto = load_scores(tested['auto.npz'].path)

    assert tau > 0
    assert_allclose(auto.scores, rebalance(raw.scores, tau), rtol=1e-3, atol=1e-6)


def test_target_prior_from_a_file_and_predictions_as_pickle(tested, raw):
    predictions = mmengine.load(tested['prior.pkl'].path)

    scores = np.stack([p['pred_score'].numpy() for p in predictions])
    expected = rebalance(raw.scores, 1.0, target_prior=PRIOR)
    assert_allclose(scores, expected, rtol=1e-3, atol=1e-6)
    assert [int(p['gt_label']) for p in predictions] == raw.targets.tolist()
    assert_metrics(logged_metrics(tested['prior.pkl'].work_dir), expected, raw)


def test_tta_is_the_mean_score_of_image_and_mirror_image(tested, model, images, raw):
    mirrored = np.stack([cv2.flip(image, 1) for image in images])
    expected = (model_scores(model, images) + model_scores(model, mirrored)) / 2

    tta = load_scores(tested['tta.npz'].path)

    assert_allclose(tta.scores, expected, atol=1e-5)
    assert abs(expected - raw.scores).max() > 0.1


def test_evaluator_given_in_the_config_is_rebalanced(tmp_path, trained, raw):
    config = tmp_path / 'evaluator.py'
    metric = "dict(type='mmgala.LongTailedAccuracy', many=40, few=10)"
    config.write_text(
        f"_base_ = '{trained.config}'\n"
        f"test_evaluator = dict(_delete_=True, type='Evaluator', metrics=[{metric}])\n"
    )

    end = call('test', config, trained.checkpoint, '--rebalance', '--tau', '1.7',
               '--out', 'm.json', cwd=tmp_path)  # fmt: skip

    assert end is None
    metrics = json.loads((tmp_path / 'm.json').read_text())
    assert_metrics(metrics, rebalance(raw.scores, 1.7), raw)


@pytest.mark.skipif(torch.cuda.is_available(), reason='about the CPU without a GPU')
def test_mixed_precision_gives_nearly_the_same_scores(tmp_path, trained, raw):
    out = tmp_path / 'amp.npz'

    end = call('test', trained.config, trained.checkpoint, '--amp', '--out', out,
               cwd=tmp_path)  # fmt: skip

    assert end is None
    difference = abs(load_scores(out).scores - raw.scores).max()
    assert 0 < difference < 0.05
