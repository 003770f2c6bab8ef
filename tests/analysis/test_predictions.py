"""Metrics of predictions against scikit-learn and float64 loops."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, recall_score

from mmgala.analysis.prediction_files import PredictionDump
from mmgala.analysis.predictions import analyse_predictions, reliability
from mmgala.analysis.results import describe_classes
from mmgala.functional import ShotThresholds
from tests.evaluation.predictions import biased_scores
from tests.evaluation.references import expected_metrics
from tests.reference.rebalance_numpy import rebalance

THRESHOLDS = ShotThresholds(many=40, few=10)
COUNTS = np.array([200, 41, 40, 10, 9, 0])
TAU = 1.35  # between two grid points
GROUP_OF = np.array([0, 0, 1, 1, 2, 2])


@pytest.fixture
def dump():
    scores, targets = biased_scores(120, 6)
    return PredictionDump(scores, targets, COUNTS)


@pytest.fixture
def result(dump):
    return analyse_predictions(dump, TAU, THRESHOLDS)


def scores_of(dump, kind, **prior):
    return rebalance(dump.scores, TAU if kind == 'rebalanced' else 0.0, **prior)


KINDS = pytest.mark.parametrize('kind', ['raw', 'rebalanced'])


@KINDS
def test_metrics_match_the_references(dump, result, kind):
    scores = scores_of(dump, kind)
    expected = expected_metrics(scores, dump.targets, COUNTS, **asdict(THRESHOLDS))
    expected = {key.split('/')[1]: value for key, value in expected.items()}
    assert result[kind]['metrics'] == pytest.approx(expected, abs=1e-4)
    assert result['raw']['metrics'] != result['rebalanced']['metrics']
    assert (result['num_samples'], result['tau']) == (120, TAU)


@KINDS
def test_accuracy_and_mass_of_each_class(dump, result, kind):
    scores = scores_of(dump, kind)
    recalls = recall_score(dump.targets, scores.argmax(axis=1), average=None)
    np.testing.assert_allclose(result[kind]['class_accuracy'], 100 * recalls)
    mass = result[kind]['class_mass']
    np.testing.assert_allclose(mass, scores.sum(axis=0) * 6 / 120, rtol=1e-5)
    assert np.mean(mass) == pytest.approx(1)


@KINDS
def test_confusion_between_the_groups(dump, result, kind):
    predicted = scores_of(dump, kind).argmax(axis=1)
    expected = confusion_matrix(
        GROUP_OF[dump.targets], GROUP_OF[predicted], normalize='true'
    )
    confusion = result[kind]['confusion']
    assert confusion['groups'] == ['many', 'medium', 'few']
    np.testing.assert_allclose(confusion['values'], 100 * expected)


@KINDS
def test_calibration_error_follows_from_the_reliability(dump, result, kind):
    scores = scores_of(dump, kind)
    confidence, correct = scores.max(axis=1), scores.argmax(axis=1) == dump.targets
    bins = result[kind]['reliability']
    error = 0.0
    for m, (conf, acc, count) in enumerate(
        zip(bins['confidence'], bins['accuracy'], bins['count'], strict=True)
    ):
        inside = (confidence >= m / 15) & (confidence < (m + 1) / 15)
        assert count == inside.sum()
        if count == 0:
            assert conf is acc is None
            continue
        assert conf == pytest.approx(confidence[inside].mean(), rel=1e-5)
        assert acc == pytest.approx(correct[inside].mean())
        error += 100 * count / 120 * abs(acc - conf)
    assert error == pytest.approx(result[kind]['metrics']['ece'], rel=1e-9)


def test_confidence_on_a_bin_edge_belongs_to_the_upper_bin_and_1_to_the_last():
    confidence, correct = torch.tensor([0.6, 0.2, 1.0]), torch.tensor([1, 0, 1]) > 0
    bins = reliability(confidence, correct)
    filled = {i: c for i, c in enumerate(bins['count']) if c}
    assert filled == {3: 1, 9: 1, 14: 1}  # 0.2 = 3 / 15, 0.6 = 9 / 15
    assert [bins['confidence'][i] for i in filled] == pytest.approx([0.2, 0.6, 1])
    assert [bins['accuracy'][i] for i in filled] == [0.0, 1.0, 1.0]
    assert bins['confidence'][0] is bins['accuracy'][0] is None


@pytest.mark.parametrize('certain', [0, 3])
def test_calibration_error_of_predictions_with_confidence_1(dump, certain):
    scores = np.eye(6, dtype=np.float32)[(dump.targets + (dump.targets < certain)) % 6]
    result = analyse_predictions(replace(dump, scores=scores), 0.0, THRESHOLDS)['raw']
    bins = result['reliability']
    assert bins['count'] == [0] * 14 + [120]
    gap = 100 * abs(bins['accuracy'][-1] - bins['confidence'][-1])
    assert gap == pytest.approx(result['metrics']['ece'], abs=1e-9)
    assert gap == pytest.approx(100 * (dump.targets < certain).mean(), abs=1e-8)


def test_tau_curve_equals_rebalancing_with_each_tau(dump, result):
    curve = result['tau_curve']
    assert curve['tau'] == sorted([*(step / 10 for step in range(31)), TAU])
    for index, tau in enumerate(curve['tau']):
        scores = rebalance(dump.scores, tau)
        expected = expected_metrics(scores, dump.targets, COUNTS, **asdict(THRESHOLDS))
        for key in ('top1', 'class_mean', 'many', 'medium', 'few'):
            assert curve[key][index] == pytest.approx(expected[f'accuracy/{key}'])


def test_tau_curve_passes_through_both_results(result):
    curve = result['tau_curve']
    for kind, tau in (('raw', 0.0), ('rebalanced', TAU)):
        index = curve['tau'].index(tau)
        for key in ('top1', 'class_mean', 'many', 'medium', 'few'):
            assert curve[key][index] == pytest.approx(result[kind]['metrics'][key])


def test_target_prior_is_used_everywhere(dump):
    prior = np.array([0.4, 0.3, 0.1, 0.1, 0.05, 0.05])
    result = analyse_predictions(
        dump, TAU, THRESHOLDS, target_prior=torch.tensor(prior)
    )
    scores = scores_of(dump, 'rebalanced', target_prior=prior)
    expected = expected_metrics(scores, dump.targets, COUNTS, **asdict(THRESHOLDS))
    assert result['rebalanced']['metrics']['few'] == expected['accuracy/few']
    np.testing.assert_allclose(
        result['rebalanced']['class_mass'], scores.sum(axis=0) * 6 / 120, rtol=1e-5
    )
    curve = result['tau_curve']
    index = curve['tau'].index(2.0)
    scores = rebalance(dump.scores, 2.0, target_prior=prior)
    top1 = 100 * (scores.argmax(axis=1) == dump.targets).mean()
    assert curve['top1'][index] == pytest.approx(top1)


def test_small_chunks_give_the_same_result(dump, result, monkeypatch):
    monkeypatch.setattr('mmgala.utils.chunks.VALUES_PER_SLICE', 44)  # seven rows
    parts = analyse_predictions(dump, TAU, THRESHOLDS)
    for kind in ('raw', 'rebalanced'):
        assert parts[kind].pop('class_mass') == pytest.approx(
            result[kind].pop('class_mass')
        )
        for key in ('confidence', 'accuracy'):
            np.testing.assert_allclose(
                np.array(parts[kind]['reliability'].pop(key), dtype=float),
                np.array(result[kind]['reliability'].pop(key), dtype=float),
            )
        assert parts[kind].pop('metrics') == pytest.approx(result[kind].pop('metrics'))
    assert parts == result


def test_class_without_test_samples_has_no_accuracy(dump):
    kept = (dump.targets != 2) & (dump.targets != 3)  # all of medium-shot
    part = replace(dump, scores=dump.scores[kept], targets=dump.targets[kept])
    result = analyse_predictions(part, 1.0, THRESHOLDS)
    json.dumps(result, allow_nan=False)
    accuracy = result['raw']['class_accuracy']
    assert [c for c in range(6) if accuracy[c] is None] == [2, 3]
    assert 'medium' not in result['raw']['metrics']
    assert result['raw']['confusion']['values'][1] == [None] * 3
    assert result['tau_curve']['medium'] == [None] * 31
    mean = np.mean([accuracy[c] for c in (0, 1, 4, 5)])
    assert result['tau_curve']['class_mean'][0] == pytest.approx(mean)
    assert result['raw']['metrics']['class_mean'] == pytest.approx(mean)


def test_group_without_classes_is_left_out(dump):
    result = analyse_predictions(dump, 1.0, ShotThresholds(many=40, few=0))
    assert result['raw']['confusion']['groups'] == ['many', 'medium']
    assert np.shape(result['raw']['confusion']['values']) == (2, 2)
    assert 'few' not in result['tau_curve']
    assert 'few' not in result['raw']['metrics']


def test_thresholds_default_to_the_dumps(dump, result):
    stated = replace(dump, thresholds=THRESHOLDS)
    assert analyse_predictions(stated, TAU) == result
    assert analyse_predictions(dump, TAU) != result


def test_classes_are_described():
    classes = describe_classes([10, 41, 9], ['a', 'b', 'c'], THRESHOLDS)
    assert classes == [
        {'name': 'a', 'count': 10, 'group': 'medium'},
        {'name': 'b', 'count': 41, 'group': 'many'},
        {'name': 'c', 'count': 9, 'group': 'few'},
    ]
    assert [c['name'] for c in describe_classes(np.array([1, 2]))] == ['0', '1']
    json.dumps(describe_classes(np.array([1, 2])))


@pytest.mark.parametrize(
    ('change', 'arguments', 'message'),
    [
        (dict(class_counts=None), {}, 'ClassCountsHook.*--class-counts FILE'),
        (dict(), dict(tau=-1.0), 'Expected `tau` to be'),
        (dict(), dict(target_prior=torch.ones(6)), '`target_prior` to sum to 1'),
        (dict(), dict(target_prior=torch.ones(5)), '`target_prior` to hold 6 values'),
    ],
)
def test_wrong_input(dump, change, arguments, message):
    with pytest.raises(ValueError, match=message):
        analyse_predictions(replace(dump, **change), **{'tau': 1.0, **arguments})


def test_fewer_samples_than_classes(dump):
    part = replace(dump, scores=dump.scores[:5], targets=dump.targets[:5])
    with pytest.raises(ValueError, match='mass of 6 classes from 5 samples'):
        analyse_predictions(part, 1.0)
