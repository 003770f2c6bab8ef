"""LongTailedAccuracy against scikit-learn, NumPy and counting by hand."""

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    recall_score,
    top_k_accuracy_score,
)

from mmgala.evaluation import LongTailedAccuracy
from tests.evaluation.predictions import as_samples, biased_scores, evaluate
from tests.evaluation.references import numpy_ece

COUNTS = [101, 500, 100, 20, 60, 19, 1, 0]


@pytest.fixture(scope='module', params=[0, 1])
def predictions(request):
    return biased_scores(150, 8, seed=request.param)


def test_top_k_equals_sklearn(predictions):
    scores, target = predictions

    metrics = evaluate(LongTailedAccuracy(topk=(1, 3, 5)), scores, target)

    for k in (1, 3, 5):
        expected = top_k_accuracy_score(target, scores, k=k, labels=range(8))
        assert metrics[f'accuracy/top{k}'] == pytest.approx(100 * expected, abs=1e-9)


def test_mean_and_worst_class_equal_sklearn(predictions):
    scores, target = predictions
    predicted = scores.argmax(axis=1)

    metrics = evaluate(LongTailedAccuracy(), scores, target)

    expected = balanced_accuracy_score(target, predicted)
    assert metrics['accuracy/class_mean'] == pytest.approx(100 * expected)
    recalls = recall_score(target, predicted, average=None)
    assert metrics['accuracy/worst_class'] == pytest.approx(100 * recalls.min())
    assert len(set(recalls)) > 3  # otherwise the two lines above would prove little


@pytest.mark.parametrize(
    ('limits', 'groups'),
    [
        ({}, {'many': [0, 1], 'medium': [2, 3, 4], 'few': [5, 6, 7]}),
        ({'many': 60, 'few': 20}, {'many': [0, 1, 2], 'medium': [3, 4]}),
    ],
    ids=['default limits', 'other limits'],
)
def test_groups_are_mean_recalls_of_classes_by_training_counts(
    predictions, limits, groups
):
    scores, target = predictions

    metrics = evaluate(LongTailedAccuracy(**limits), scores, target, COUNTS)

    recalls = recall_score(target, scores.argmax(axis=1), average=None)
    for name, classes in groups.items():
        expected = 100 * recalls[classes].mean()
        assert metrics[f'accuracy/{name}'] == pytest.approx(expected)


def test_group_without_classes_is_left_out(predictions):
    metrics = evaluate(LongTailedAccuracy(), *predictions, class_counts=[500] * 8)

    assert metrics['accuracy/many'] == pytest.approx(metrics['accuracy/class_mean'])
    assert not {'accuracy/medium', 'accuracy/few'} & set(metrics)


@pytest.mark.parametrize('num_bins', [15, 10, 1])
def test_calibration_error_equals_numpy(predictions, num_bins):
    scores, target = predictions

    metrics = evaluate(LongTailedAccuracy(num_bins=num_bins), scores, target)

    confidence = scores.max(axis=1).astype(np.float64)
    expected = numpy_ece(confidence, scores.argmax(axis=1) == target, num_bins)
    assert metrics['accuracy/ece'] == pytest.approx(expected, abs=1e-6)


def test_saturated_confidence_belongs_to_the_last_bin():
    # Sure and wrong, nearly sure and right: one bin, |1/2 - 0.9995| = 49.95 %.
    scores = np.array([[1.0, 0.0], [0.001, 0.999]], dtype=np.float32)

    metrics = evaluate(LongTailedAccuracy(), scores, [1, 1])

    assert metrics['accuracy/ece'] == pytest.approx(49.95, abs=1e-4)


def test_classes_without_test_samples_are_ignored():
    # Class 0: 2 of 2 right; class 2: 0 of 1; class 1 is not tested.
    scores = np.array([[0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.2, 0.7, 0.1]])

    metrics = evaluate(LongTailedAccuracy(), scores, [0, 0, 2], [200, 50, 5])

    assert metrics['accuracy/class_mean'] == pytest.approx(50)
    assert metrics['accuracy/worst_class'] == 0
    assert metrics['accuracy/many'] == 100
    assert metrics['accuracy/few'] == 0
    assert 'accuracy/medium' not in metrics


def test_ties_rank_the_first_class_ahead():
    # The true class of rows 0 to 2 is the first, second and third of three tied ones.
    scores = np.array([[0.3, 0.3, 0.3, 0.1]] * 3)

    metrics = evaluate(LongTailedAccuracy(topk=(1, 2, 3)), scores, [0, 1, 2])

    for k, hits in ((1, 1), (2, 2), (3, 3)):
        assert metrics[f'accuracy/top{k}'] == pytest.approx(100 * hits / 3)
    assert metrics['accuracy/class_mean'] == pytest.approx(100 / 3)


def test_scores_that_are_not_finite_have_no_metrics():
    scores = np.full((4, 3), 1 / 3, dtype=np.float32)
    scores[1:, 2] = np.nan

    with pytest.raises(ValueError, match='3 of 4 samples .*earlier checkpoint'):
        evaluate(LongTailedAccuracy(), scores, [0, 0, 1, 2])


def test_k_beyond_the_number_of_classes_is_refused():
    with pytest.raises(ValueError, match='Top-5 .*3 classes: set topk='):
        evaluate(LongTailedAccuracy(topk=(1, 5)), *biased_scores(9, 3))


def test_k_beyond_the_named_classes_is_refused_before_training():
    metric = LongTailedAccuracy(topk=(1, 5))
    with pytest.raises(ValueError, match='Top-5 .*3 classes: set topk='):
        metric.dataset_meta = dict(classes=('a', 'b', 'c'))


def test_prefix_and_one_k():
    metrics = evaluate(LongTailedAccuracy(topk=2, prefix='p'), *biased_scores(9, 3))

    assert set(metrics) == {'p/top2', 'p/class_mean', 'p/worst_class', 'p/ece'}


def test_unknown_counts_give_one_warning_and_no_groups(log_records):
    metrics = evaluate(LongTailedAccuracy(), *biased_scores(30, 3))

    assert not {'accuracy/many', 'accuracy/medium', 'accuracy/few'} & set(metrics)
    warnings = [r for r in log_records if r.levelname == 'WARNING']
    assert len(warnings) == 1
    assert 'mmgala.ClassCountsHook' in warnings[0].getMessage()


def test_counts_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match='counts 4 classes, but the scores have 3'):
        evaluate(LongTailedAccuracy(), *biased_scores(30, 3), class_counts=[9] * 4)


@pytest.mark.parametrize('label', [3, -1])
def test_test_label_out_of_range_is_refused(label):
    scores, target = biased_scores(6, 3)
    target[4] = label

    with pytest.raises(ValueError, match=f'labels between 0 and 2 .* but got {label}'):
        LongTailedAccuracy().process(None, as_samples(scores, target))


def test_prediction_without_scores_is_refused():
    sample = {'pred_label': 1, 'gt_label': as_samples([[1.0]], [0])[0]['gt_label']}

    with pytest.raises(ValueError, match=r"`pred_score`.*\['gt_label', 'pred_label'\]"):
        LongTailedAccuracy().process(None, [sample])


@pytest.mark.parametrize(('labels', 'found'), [(None, 'none'), ([0, 1], '2')])
def test_sample_without_exactly_one_label_is_refused(labels, found):
    sample = as_samples([[0.5, 0.5]], [0])[0]
    if labels is None:
        del sample['gt_label']
    else:
        sample['gt_label'] = sample['gt_label'].new_tensor(labels)

    with pytest.raises(ValueError, match=f'one ground-truth label .*found {found}'):
        LongTailedAccuracy().process(None, [sample])


@pytest.mark.parametrize('topk', [0, (1, 0), ()])
def test_k_below_1_is_refused(topk):
    with pytest.raises(ValueError, match='every k of `topk` to be an integer of 1'):
        LongTailedAccuracy(topk=topk)


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match='few=200 and many=100'):
        LongTailedAccuracy(many=100, few=200)


@pytest.mark.parametrize(
    ('counts', 'said'),
    [
        ([50, 40, 30], 'many: no classes, few: no classes'),
        ([500, 40, 3], ''),
        ([500, 40, 30], 'few: no classes'),
    ],
    ids=str,
)
def test_a_group_without_classes_is_named_once_and_has_no_metric(
    log_records, counts, said
):
    metric = LongTailedAccuracy()
    for _ in range(2):
        metrics = evaluate(metric, *biased_scores(30, 3), class_counts=counts)

    assert all(value == value for value in metrics.values())
    for name in ('many', 'medium', 'few'):
        assert (f'accuracy/{name}' in metrics) == (f'{name}:' not in said)
    messages = [r.getMessage() for r in log_records if 'shot groups' in r.getMessage()]
    assert len(messages) == bool(said)
    assert all(said in message and 'few < 20' in message for message in messages)


def test_a_group_without_test_samples_is_named(log_records):
    scores, target = biased_scores(30, 3)
    kept = target != 2

    metrics = evaluate(
        LongTailedAccuracy(), scores[kept], target[kept], class_counts=[500, 40, 3]
    )

    assert 'accuracy/few' not in metrics
    (message,) = [r.getMessage() for r in log_records if 'groups' in r.getMessage()]
    assert 'few: no test samples' in message
