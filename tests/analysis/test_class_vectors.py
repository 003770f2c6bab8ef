"""Class weight vectors and features: running sums equal a loop over samples."""

import json
import math

import numpy as np
import pytest
import torch

from mmgala.analysis.class_vectors import FeatureSums, describe_class_vectors
from mmgala.functional import ShotThresholds
from tests.batches import random_logits

COUNTS = [300, 200, 50, 20, 3]
LABELS = [0, 0, 1, 4, 1, 2, 0, 4, 1, 1, 2]  # class 3 has no sample


def data(scale=3.0):
    """Features (11, 6) of very different norms, labels, class weight vectors (5, 6)."""
    lengths = torch.logspace(-3, 3, 11, dtype=torch.float64)[:, None]
    features = random_logits(11, 6, seed=3) * lengths + scale
    return features, torch.tensor(LABELS), random_logits(5, 6, seed=4)


def summed(features, labels, batch=4, num_classes=5):
    sums = FeatureSums(num_classes)
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        sums.add(features[rows], labels[rows])
    return sums


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def naive(features, labels, weight):
    """Mean cosines by a loop over samples; None without samples."""
    own, other = [], []
    for j, vector in enumerate(weight.tolist()):
        cosines = {True: [], False: []}
        for feature, label in zip(features.tolist(), labels.tolist(), strict=True):
            cosines[label == j].append(cosine(vector, feature))
        for result, values in ((own, cosines[True]), (other, cosines[False])):
            result.append(sum(values) / len(values) if values else None)
    return own, other


@pytest.mark.parametrize('batch', [1, 4, 100])
def test_similarities_are_mean_cosines_over_samples(batch):
    features, labels, weight = data()

    found = describe_class_vectors(
        summed(features, labels, batch), weight, None, COUNTS
    )

    own, other = naive(features, labels, weight)
    assert own[3] is None
    assert found['own_similarity'][3] is None
    for name, expected in (('own_similarity', own), ('other_similarity', other)):
        # None becomes NaN.
        arrays = (np.array(values, dtype=float) for values in (found[name], expected))
        np.testing.assert_allclose(*arrays, rtol=1e-12, atol=1e-14, err_msg=name)


def test_norms_bias_and_number_of_samples():
    features, labels, weight = data()
    bias = random_logits(1, 5)[0]

    found = describe_class_vectors(summed(features, labels), weight, bias, COUNTS)

    expected = [math.sqrt(sum(x * x for x in row)) for row in weight.tolist()]
    assert found['norm'] == pytest.approx(expected, rel=1e-12)
    assert found['bias'] == bias.tolist()
    assert found['num_samples'] == 11
    without = describe_class_vectors(summed(features, labels), weight, None, COUNTS)
    assert without['bias'] is None


def test_group_means_skip_classes_without_a_value():
    features, labels, weight = data()

    found = describe_class_vectors(summed(features, labels), weight, None, COUNTS)

    own, other, norm = (
        found[k] for k in ('own_similarity', 'other_similarity', 'norm')
    )
    assert list(found['groups']) == ['many', 'medium', 'few']
    many, medium, few = found['groups'].values()
    assert many['own_similarity'] == pytest.approx((own[0] + own[1]) / 2)
    assert medium['own_similarity'] == pytest.approx(own[2])  # class 3 has none
    assert medium['other_similarity'] == pytest.approx((other[2] + other[3]) / 2)
    assert few['norm'] == pytest.approx(norm[4])
    other = describe_class_vectors(
        summed(features, labels), weight, None, COUNTS, ShotThresholds(many=2, few=1)
    )
    assert list(other['groups']) == ['many']


def test_known_directions():
    sums = FeatureSums(2)
    sums.add(torch.tensor([[2.0, 0], [0, 5]]), torch.tensor([0, 1]))

    own, other = sums.mean_cosines(torch.tensor([[3.0, 3], [-1, 0]]))

    np.testing.assert_allclose(own, [0.5**0.5, 0], atol=1e-12)
    np.testing.assert_allclose(other, [0.5**0.5, -1], atol=1e-12)


def test_undefined_values_are_none():
    sums = FeatureSums(2)
    sums.add(torch.ones(3, 2), torch.zeros(3).long())  # all of one class
    weight = torch.tensor([[1.0, 0], [0, 0]])  # and an all-zero vector

    found = describe_class_vectors(sums, weight, None, [5, 5])

    assert found['other_similarity'] == [None, None]
    assert found['own_similarity'] == [pytest.approx(0.5**0.5), None]
    assert found['groups']['few']['other_similarity'] is None
    json.dumps(found, allow_nan=False)


def test_all_zero_feature_has_cosine_0():
    sums = FeatureSums(2)
    sums.add(torch.tensor([[0.0, 0], [4, 0], [0, 1]]), torch.tensor([0, 0, 1]))

    own, _ = sums.mean_cosines(torch.tensor([[1.0, 0], [0, 1]]))

    np.testing.assert_allclose(own, [0.5, 1])


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_half_precision_is_summed_in_float64(dtype):
    # In float16 the sum of squares is infinity.
    sums = FeatureSums(1)
    sums.add(torch.full((5000, 64), 200.0, dtype=dtype), torch.zeros(5000).long())

    own, _ = sums.mean_cosines(torch.ones(1, 64, dtype=dtype))

    assert own[0] == pytest.approx(1, abs=1e-12)


def test_memory_does_not_grow_with_samples():
    sums = FeatureSums(3)
    for _ in range(5):
        sums.add(torch.randn(100, 7), torch.randint(3, (100,)))

    assert sums.sums.shape == (3, 7)
    assert int(sums.counts.sum()) == 500


@pytest.mark.parametrize(
    ('features', 'labels', 'message'),
    [
        (torch.zeros(2, 3, 4), [0, 1], r'each of 2 images.*shape \(2, 3, 4\)'),
        (torch.zeros(6, 4), [0, 1], r'each of 2 images.*shape \(6, 4\)'),
        (torch.full((1, 4), math.nan), [0], 'the model has diverged'),
        (torch.zeros(2, 4), [0, 5], 'labels between 0 and 4.*5 classes, but got 5'),
        (torch.zeros(2, 4), [-1, 0], 'labels between 0 and 4.*but got -1'),
    ],
)
def test_bad_batches_are_refused(features, labels, message):
    with pytest.raises(ValueError, match=message):
        FeatureSums(5).add(features, torch.tensor(labels))


def test_mismatched_shapes_are_refused():
    features, labels, weight = data()
    sums = summed(features, labels)
    with pytest.raises(
        ValueError, match='each of the 5 class weight vectors.*but got 2'
    ):
        describe_class_vectors(sums, weight, None, [1, 2])
    with pytest.raises(ValueError, match=r'\(5, 6\).*but got \(5, 7\)'):
        sums.mean_cosines(torch.zeros(5, 7))
