"""Classifiers without training equal scikit-learn's and NumPy's."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid

from mmgala.models.heads.normalised_heads import ClassMeanLinear
from mmgala.retraining import nearest_class_mean, search_norm_tau, tau_normalize
from mmgala.retraining.closed_form import NORM_TAUS
from mmgala.retraining.features import FeatureFile, write_rows

CLASSES, WIDTH = 7, 5


@pytest.fixture(params=['tensor', 'file', 'small chunks'])
def samples(request, tmp_path, monkeypatch):
    """Features in each form, the same as an array, and long-tailed labels."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(CLASSES), [60, 30, 20, 9, 5, 2, 1]))
    means = rng.normal(size=(CLASSES, WIDTH))
    array = (means[labels] + rng.normal(size=(len(labels), WIDTH))).astype(np.float32)
    if request.param == 'tensor':
        return torch.from_numpy(array), array, labels
    if request.param == 'small chunks':
        monkeypatch.setattr('mmgala.utils.chunks.VALUES_PER_SLICE', 100)
    write_rows(tmp_path / 'f.npy', array.shape, np.split(array, [3, 50]))
    return FeatureFile(tmp_path / 'f.npy'), array, labels


def predict(array, weight, bias):
    return (array @ weight.numpy().T + bias.numpy()).argmax(axis=1)


def test_nearest_class_mean_predicts_as_scikit_learn_does(samples):
    features, array, labels = samples
    reference = NearestCentroid().fit(array, labels)
    others = np.random.default_rng(1).normal(size=(500, WIDTH)).astype(np.float32)

    weight, bias, center = nearest_class_mean(features, labels, CLASSES, 'euclidean')

    assert center is None
    assert_allclose(weight / 2, reference.centroids_, rtol=1e-4, atol=1e-6)
    assert_array_equal(predict(others, weight, bias), reference.predict(others))
    # Differences of logits are those of squared distances.
    distances = ((others[:, None] - reference.centroids_) ** 2).sum(axis=2)
    logits = others @ weight.numpy().T + bias.numpy()
    assert_allclose(
        logits - logits[:, :1], distances[:, :1] - distances, rtol=1e-3, atol=1e-4
    )


def test_nearest_class_mean_by_cosine(samples):
    features, array, labels = samples
    means = np.stack([array[labels == c].mean(axis=0) for c in range(CLASSES)])
    others = np.random.default_rng(1).normal(size=(500, WIDTH)).astype(np.float32)
    cosine = others @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T

    weight, bias, center = nearest_class_mean(features, labels, CLASSES, 'cosine')

    assert center is None
    assert_array_equal(predict(others, weight, bias), cosine.argmax(axis=1))
    assert_allclose(weight.norm(dim=1), 1, rtol=1e-6)


def cl2n_distances(array, labels, others):
    """Distances ``(N, C)`` as Kang et al. define them, one vector after the other."""
    array, others = array.astype(np.float64), others.astype(np.float64)
    center = array.mean(axis=0)

    def unit(x):
        return (x - center) / np.sqrt(((x - center) ** 2).sum())

    means = [
        np.mean([unit(x) for x, y in zip(array, labels, strict=True) if y == c], axis=0)
        for c in range(CLASSES)
    ]
    return np.array(
        [[np.sqrt(((unit(x) - m) ** 2).sum()) for m in means] for x in others]
    )


def layer_of(means):
    layer = ClassMeanLinear(WIDTH, CLASSES)
    layer.load_state_dict(means._asdict())
    return layer


def test_nearest_class_mean_of_centred_and_normalised_features(samples):
    """The default, as in the authors' command."""
    features, array, labels = samples
    others = np.random.default_rng(1).normal(size=(500, WIDTH)).astype(np.float32)
    distances = cl2n_distances(array, labels, others)

    means = nearest_class_mean(features, labels, CLASSES)
    logits = layer_of(means)(torch.from_numpy(others)).detach().numpy()

    assert_allclose(means.center, array.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert_array_equal(logits.argmax(axis=1), distances.argmin(axis=1))
    assert_allclose(logits, 1 - distances**2, rtol=1e-5, atol=1e-5)
    # It differs from the classifiers on unchanged features.
    for distance in ('euclidean', 'cosine'):
        weight, bias, _ = nearest_class_mean(features, labels, CLASSES, distance)
        assert (predict(others, weight, bias) != distances.argmin(axis=1)).mean() > 0.02


def test_it_is_not_a_linear_layer(samples):
    """The distance of a feature from the center has no effect.

    In a linear layer of the same weight and bias it does.
    """
    features, array, labels = samples
    means = nearest_class_mean(features, labels, CLASSES)
    rays = np.random.default_rng(1).normal(size=(500, WIDTH)).astype(np.float32)
    near, far = (
        torch.from_numpy(array.mean(axis=0) + length * rays) for length in (0.1, 10)
    )

    layer = layer_of(means)

    assert_array_equal(layer(near).argmax(dim=1), layer(far).argmax(dim=1))
    linear = [
        torch.nn.functional.linear(x - means.center, means.weight, means.bias)
        for x in (near, far)
    ]
    assert (linear[0].argmax(dim=1) != linear[1].argmax(dim=1)).any()


@pytest.mark.parametrize('distance', ['cl2n', 'euclidean', 'cosine'])
def test_a_class_without_samples_is_never_predicted(distance):
    features = torch.randn(20, WIDTH) - 100  # all means point away from the zero vector
    labels = torch.tensor([0, 2] * 10)

    weight, bias, center = nearest_class_mean(features, labels, 4, distance)

    layer = torch.nn.Linear(WIDTH, 4) if center is None else ClassMeanLinear(WIDTH, 4)
    values = dict(weight=weight, bias=bias)
    layer.load_state_dict(values if center is None else dict(values, center=center))
    logits = layer(features).detach()
    scores = logits.softmax(dim=1)
    assert set(logits.argmax(dim=1).tolist()) == {0, 2}
    assert (scores[:, [1, 3]] == 0).all()
    assert scores.isfinite().all()
    assert ((0 * logits) == 0).all()


@pytest.mark.parametrize('tau', [0.0, 0.5, 1.0, 1.7])
def test_tau_normalisation_equals_numpy(tau):
    weight = torch.randn(6, 4)
    weight[2] = 0
    array = weight.double().numpy()
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    expected = np.divide(array, norms**tau, out=np.zeros_like(array), where=norms > 0)

    assert_allclose(tau_normalize(weight, tau), expected, rtol=1e-6)


def test_strength_is_the_one_with_the_best_mean_class_accuracy(samples):
    features, array, labels = samples
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(CLASSES + 1, WIDTH)).astype(np.float32)
    weight *= 2.0 ** -np.arange(CLASSES + 1)[:, None]
    norms = np.linalg.norm(weight.astype(np.float64), axis=1)
    expected = []
    for tau in NORM_TAUS:
        predicted = (array @ (weight / norms[:, None] ** tau).T).argmax(axis=1)
        hits = [(predicted == labels)[labels == c].mean() for c in range(CLASSES)]
        expected.append(100 * np.mean(hits))
        if predicted.max() < CLASSES:  # scikit-learn counts predicted classes, too
            assert expected[-1] == pytest.approx(
                100 * balanced_accuracy_score(labels, predicted)
            )

    search = search_norm_tau(features, labels, torch.from_numpy(weight))

    assert_allclose(search.accuracies, expected, rtol=1e-9)
    assert search.tau == NORM_TAUS[int(np.argmax(expected))]
    assert len(set(expected)) > 3


def test_ties_choose_the_smallest_strength():
    features, labels = torch.eye(3), torch.arange(3)
    assert search_norm_tau(features, labels, 2 * torch.eye(3)).tau == 0


def test_wrong_arguments():
    with pytest.raises(ValueError, match='`distance` to be one of .*manhattan'):
        nearest_class_mean(torch.zeros(1, 2), torch.zeros(1).long(), 1, 'manhattan')
    with pytest.raises(ValueError, match='`tau` to be .*from 0 to 1000, but got -1'):
        tau_normalize(torch.ones(2, 2), -1.0)
