"""Long-tailed metrics against torchmetrics and scikit-learn."""

import numpy as np
import pytest
import torch

from mmgala.functional import (
    METRIC_NAMES,
    ShotThresholds,
    calibration_bins,
    expected_calibration_error,
    long_tailed_metrics,
    metrics_of_outcomes,
    sample_outcomes,
)
from mmgala.functional.metrics import SampleOutcomes
from tests.evaluation.predictions import biased_scores

sklearn_metrics = pytest.importorskip('sklearn.metrics')
torchmetrics = pytest.importorskip('torchmetrics.functional.classification')

COUNTS = [500, 200, 60, 41, 40, 10, 9, 0]


@pytest.fixture(params=[0, 1])
def predictions(request):
    scores, target = biased_scores(150, 8, seed=request.param)
    return torch.from_numpy(scores), torch.from_numpy(target)


def test_all_metrics_equal_the_references(predictions):
    scores, target = predictions
    metrics = long_tailed_metrics(
        scores, target, COUNTS, topk=(1, 3), thresholds=ShotThresholds(40, 10)
    )
    from tests.evaluation.references import expected_metrics

    expected = expected_metrics(scores.numpy(), target.numpy(), COUNTS, 40, 10)
    expected = {key.split('/')[1]: value for key, value in expected.items()}
    expected['top3'] = 100 * sklearn_metrics.top_k_accuracy_score(target, scores, k=3)
    assert metrics == pytest.approx(expected, abs=1e-4)
    assert set(METRIC_NAMES) == set(metrics) - {'top3'}


@pytest.mark.parametrize('num_bins', [1, 4, 15, 40])
@pytest.mark.parametrize('edges', [False, True], ids=['random', 'on the edges'])
def test_calibration_error_equals_torchmetrics(num_bins, edges):
    generator = torch.Generator().manual_seed(num_bins)
    confidence = torch.rand(500, generator=generator, dtype=torch.float64)
    if edges:
        confidence = (confidence * num_bins).round() / num_bins
    correct = torch.rand(500, generator=generator) < confidence
    expected = torchmetrics.binary_calibration_error(
        # Its last bin holds a confidence of exactly 1 only.
        confidence.clamp(max=1 - 1e-12), correct.long(), n_bins=num_bins
    )  # fmt: skip
    found = expected_calibration_error(calibration_bins(confidence, correct, num_bins))
    assert found == pytest.approx(float(expected), rel=1e-14)


def test_batches_and_all_scores_give_equal_metrics(predictions):
    scores, target = predictions
    parts = [
        sample_outcomes(*part)
        for part in zip(scores.split(7), target.split(7), strict=True)
    ]
    outcomes = SampleOutcomes(*map(torch.cat, zip(*parts, strict=True)))
    assert metrics_of_outcomes(outcomes, 8, COUNTS) == long_tailed_metrics(
        scores, target, COUNTS
    )


def test_scores_that_are_compared_in_chunks_have_the_same_ranks(
    predictions, monkeypatch
):
    whole = sample_outcomes(*predictions)
    monkeypatch.setattr('mmgala.functional.metrics.SCORES_AT_ONCE', 50)
    chunked = sample_outcomes(*predictions)
    assert all(torch.equal(a, b) for a, b in zip(whole, chunked, strict=True))


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_scores_that_are_not_finite_have_no_metrics(value):
    scores = torch.tensor([[0.75, 0.25], [0.5, value], [0.25, 0.75]])
    with pytest.raises(ValueError, match='1 of 3 samples .*earlier checkpoint'):
        long_tailed_metrics(scores, torch.tensor([0, 0, 1]))


def test_a_confidence_that_is_not_finite_is_in_no_diagram():
    confidence = torch.tensor([0.5, float('nan')])
    with pytest.raises(ValueError, match='1 of 2 samples'):
        calibration_bins(confidence, torch.tensor([True, False]))


def test_top_k_of_more_classes_than_there_are_is_refused(predictions):
    with pytest.raises(ValueError, match=r'Top-9 .*8 classes: set topk=\(1, 8\)'):
        long_tailed_metrics(*predictions, topk=(1, 8, 9))


def test_without_counts_there_are_no_groups(predictions):
    metrics = long_tailed_metrics(*predictions)
    assert list(metrics) == ['top1', 'class_mean', 'worst_class', 'ece']


def test_half_precision_scores_give_the_metrics_of_their_values(predictions):
    scores, target = predictions
    half = scores.half()
    assert long_tailed_metrics(half, target, COUNTS) == long_tailed_metrics(
        half.double(), target, COUNTS
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(target=torch.tensor([0, 1, 3])), 'between 0 and 2 .* but got 3'),
        (dict(target=torch.eye(3)), 'class indices, but got soft labels'),
        (dict(class_counts=[1, 2]), 'counts 2 classes, but the scores have 3'),
        (dict(topk=()), 'every k of `topk` to be an integer of 1 or more'),
        (dict(topk=(0,)), 'every k of `topk` to be an integer of 1 or more'),
        (dict(topk=(1.5,)), 'every k of `topk` to be an integer of 1 or more'),
        (dict(topk=(float('nan'),)), 'every k of `topk` to be an integer'),
        (dict(num_bins=float('nan')), '`num_bins` to be 1 or more, but got nan'),
        (dict(num_bins=0), '`num_bins` to be 1 or more, but got 0'),
        (
            dict(scores=torch.zeros(0, 3), target=torch.zeros(0, dtype=torch.long)),
            'at least one sample',
        ),
    ],
)
def test_wrong_input(change, message):
    arguments = dict(scores=torch.eye(3), target=torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=message):
        long_tailed_metrics(**{**arguments, **change})


def test_groups_follow_the_definition():
    counts = np.random.default_rng(0).integers(0, 200, 300)
    thresholds = ShotThresholds(many=120, few=30)
    group = np.select([counts > 120, counts < 30], [0, 2], 1)
    np.testing.assert_array_equal(thresholds.group_of(torch.tensor(counts)), group)
    found = thresholds.groups(counts.tolist())
    assert list(found) == ['many', 'medium', 'few']
    for index, classes in enumerate(found.values()):
        np.testing.assert_array_equal(classes, np.flatnonzero(group == index))
    assert list(thresholds.groups([500, 1])) == ['many', 'few']


def test_thresholds_that_are_given_replace_the_others():
    assert ShotThresholds.from_arguments() is None
    assert ShotThresholds.from_arguments(many=50) == ShotThresholds(50, 20)
    assert ShotThresholds(40, 10).replaced(few=15) == ShotThresholds(40, 15)
    with pytest.raises(TypeError, match='`few` to be an integer, but got 1.5'):
        ShotThresholds(few=1.5)
