"""RebalancingEvaluator: any metric sees the scores that NumPy re-balances."""

import weakref

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmpretrain.evaluation import Accuracy, SingleLabelMetric
from mmpretrain.structures import DataSample
from numpy.testing import assert_allclose
from sklearn.metrics import (
    balanced_accuracy_score,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from mmgala.evaluation import LongTailedAccuracy, RebalancingEvaluator, ScoreDump
from tests.evaluation.predictions import as_samples, biased_scores, evaluate
from tests.reference.rebalance_numpy import rebalance

COUNTS = [500, 200, 90, 30, 10, 3]
PRIOR = [0.3, 0.25, 0.2, 0.15, 0.1, 0.0]
MASS = [40.0, 20.0, 10.0, 5.0, 2.0, 1.0]


@pytest.fixture(scope='module')
def predictions():
    return biased_scores(120, 6)


@pytest.mark.parametrize(
    ('tau', 'fixed'),
    [
        (1.0, {}),
        (1.7, {}),
        (0.0, {}),
        (1.0, dict(class_mass=MASS)),
        (1.5, dict(target_prior=PRIOR)),
        (0.6, dict(class_mass=MASS, target_prior=PRIOR)),
    ],
    ids=['tau 1', 'tau 1.7', 'tau 0', 'mass', 'prior', 'mass and prior'],
)
def test_scores_equal_numpy(predictions, tau, fixed):
    dump = ScoreDump()

    evaluate(RebalancingEvaluator(dump, tau, **fixed), *predictions)

    expected = rebalance(predictions[0], tau, **fixed)
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(dump.targets, predictions[1])


def test_own_metrics_equal_sklearn_on_numpys_scores(predictions):
    scores, target = predictions
    evaluator = RebalancingEvaluator([LongTailedAccuracy(topk=(1, 3))], tau=1.2)

    metrics = evaluate(evaluator, scores, target, COUNTS)

    new = rebalance(scores, 1.2)
    recalls = recall_score(target, new.argmax(axis=1), average=None)
    expected = {
        'top1': top_k_accuracy_score(target, new, k=1),
        'top3': top_k_accuracy_score(target, new, k=3),
        'class_mean': balanced_accuracy_score(target, new.argmax(axis=1)),
        'worst_class': recalls.min(),
        'many': recalls[:2].mean(),
        'medium': recalls[2:4].mean(),
        'few': recalls[4:].mean(),
    }
    for name, value in expected.items():
        assert metrics[f'accuracy/{name}'] == pytest.approx(100 * value), name
    raw = balanced_accuracy_score(target, scores.argmax(axis=1))
    assert expected['class_mean'] > raw + 0.05


def test_mmpretrains_metrics_equal_sklearn_on_numpys_scores(predictions):
    scores, target = predictions
    evaluator = RebalancingEvaluator([Accuracy(topk=(1, 2)), SingleLabelMetric()])

    metrics = evaluate(evaluator, scores, target)

    new = rebalance(scores)
    predicted = new.argmax(axis=1)
    precision = precision_score(target, predicted, average='macro')
    assert metrics['accuracy/top1'] == pytest.approx(100 * (predicted == target).mean())
    top2 = top_k_accuracy_score(target, new, k=2)
    assert metrics['accuracy/top2'] == pytest.approx(100 * top2)
    assert metrics['single-label/precision'] == pytest.approx(100 * precision)


class Recorder(BaseMetric):
    """Keeps the samples that a metric gets."""

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        self.seen = results
        return {}


def test_predicted_label_is_that_of_the_new_scores(predictions):
    scores, target = predictions
    recorder = Recorder(prefix='recorder')
    samples = [
        DataSample().set_pred_score(torch.tensor(s)).set_pred_label(0).set_gt_label(t)
        for s, t in zip(scores, target.tolist(), strict=True)
    ]

    evaluator = RebalancingEvaluator(recorder)
    evaluator.process(samples)
    evaluator.evaluate(len(samples))

    labels = [sample['pred_label'].tolist() for sample in recorder.seen]
    assert labels == [[label] for label in rebalance(scores).argmax(axis=1)]
    assert [int(sample['gt_label']) for sample in recorder.seen] == target.tolist()


def test_two_evaluations_do_not_mix(predictions):
    dump = ScoreDump()
    evaluator = RebalancingEvaluator(dump)
    evaluate(evaluator, *biased_scores(60, 6, seed=9))

    evaluate(evaluator, *predictions)

    assert_allclose(dump.scores, rebalance(predictions[0]), rtol=1e-4, atol=1e-7)


def test_padding_counts_neither_in_the_mass_nor_in_the_metrics(predictions):
    scores, target = predictions
    dump = ScoreDump()
    evaluator = RebalancingEvaluator(dump)
    evaluator.process(as_samples(scores, target))
    evaluator.process(as_samples(scores[:5], target[:5]))

    evaluator.evaluate(len(scores))

    assert_allclose(dump.scores, rebalance(scores), rtol=1e-4, atol=1e-7)


def test_scores_of_the_device_are_not_kept():
    batch = torch.full((3, 2), 0.5)
    alive = weakref.ref(batch)
    evaluator = RebalancingEvaluator(ScoreDump())

    evaluator.process([{'pred_score': s, 'pred_label': s.argmax()} for s in batch])
    del batch

    assert alive() is None


def test_samples_that_were_handed_in_keep_their_scores():
    samples = as_samples(*biased_scores(6, 3))
    before = [sample['pred_score'].clone() for sample in samples]
    evaluator = RebalancingEvaluator(ScoreDump())

    evaluator.process(samples)
    evaluator.evaluate(6)

    for sample, score in zip(samples, before, strict=True):
        assert torch.equal(sample['pred_score'], score)


def test_one_image_suffices_with_a_fixed_mass():
    scores, target = biased_scores(1, 6)
    dump = ScoreDump()

    evaluate(RebalancingEvaluator(dump, 1.0, class_mass=MASS), scores, target)

    assert_allclose(dump.scores, rebalance(scores, 1.0, MASS), rtol=1e-4)


def test_fewer_samples_than_classes_are_refused():
    evaluator = RebalancingEvaluator(LongTailedAccuracy())

    with pytest.raises(ValueError, match='mass of 6 classes from 5 samples'):
        evaluate(evaluator, *biased_scores(5, 6))


def test_predictions_without_scores_are_refused():
    evaluator = RebalancingEvaluator(LongTailedAccuracy())
    sample = DataSample().set_pred_label(1).set_gt_label(1)

    with pytest.raises(ValueError, match='to have class scores'):
        evaluator.process([sample])


@pytest.mark.parametrize(
    'vector', [dict(class_mass=[1.0] * 4), dict(target_prior=[0.25] * 4)], ids=list
)
def test_vector_of_another_length_is_found_at_the_first_batch(vector):
    evaluator = RebalancingEvaluator(LongTailedAccuracy(), **vector)

    with pytest.raises(ValueError, match=f'`{next(iter(vector))}` to hold 6 values'):
        evaluator.process(as_samples(*biased_scores(2, 6)))


def test_scores_that_are_not_probabilities_are_refused():
    scores, target = biased_scores(12, 3)

    with pytest.raises(ValueError, match='to be softmax probabilities'):
        evaluate(RebalancingEvaluator(ScoreDump()), scores * 5, target)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(tau=-0.5), '`tau` to be a finite number from 0 to 1000, but got -0.5'),
        (dict(tau=float('nan')), '`tau` to be a finite number'),
        (dict(class_mass=[1.0, -1.0]), '`class_mass` to be finite and 0 or more'),
        (dict(class_mass=[0.0, 0.0]), '`class_mass` to have a positive sum'),
        (dict(target_prior=[0.5, 0.6]), '`target_prior` to sum to 1, but got 1.1'),
    ],
)
def test_wrong_arguments_are_refused_by_the_constructor(arguments, message):
    with pytest.raises(ValueError, match=message):
        RebalancingEvaluator(LongTailedAccuracy(), **arguments)
