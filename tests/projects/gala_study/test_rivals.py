"""Rivals without class counts, against their formulas in float64."""

import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from projects.gala_study.rivals import PriorEstimatorHead, prior_to_posterior

C, D = 4, 6


def head_of(estimators=1):
    torch.manual_seed(0)
    loss = dict(type='CrossEntropyLoss')
    return PriorEstimatorHead(C, D, num_estimators=estimators, loss=loss)


def linear(layer, features):
    weight, bias = (p.detach().double().numpy() for p in layer.parameters())
    return features @ weight.T + bias


@pytest.mark.parametrize('estimators', [1, 3])
def test_learnt_prior_has_its_loss_and_corrects_predictions(estimators):
    head = head_of(estimators).train()
    features = np.random.default_rng(0).normal(size=(5, D))
    labels = [0, 2, 2, 3, 1]
    feats = (torch.from_numpy(features).float(),)
    samples = [DataSample().set_gt_label(label) for label in labels]
    u = [linear(layer, features) for layer in head.estimators]
    z = linear(head.fc, features)

    losses = head.loss(feats, samples)
    own = np.log(np.exp(z).sum(axis=1)) - z[range(5), labels]
    prior = sum(np.log1p(np.exp(each[range(5), labels])).mean() for each in u)
    assert_close(losses['loss'].item(), own.mean(), rtol=1e-5, atol=1e-6)
    assert_close(losses['loss_prior'].item(), prior, rtol=1e-5, atol=1e-6)

    assert_close(head(feats), torch.from_numpy(z).float(), rtol=1e-5, atol=1e-5)
    mean = np.mean(u, axis=0)
    expected = torch.from_numpy(z + mean - mean.mean(axis=1, keepdims=True)).float()
    assert_close(head.eval()(feats), expected, rtol=1e-5, atol=1e-5)


def test_learnt_prior_falls_with_the_frequency_of_a_class():
    head = head_of().train()
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    shares = torch.tensor([0.6, 0.25, 0.1, 0.05])
    with torch.no_grad():
        head.estimators[0].weight.zero_()
        head.estimators[0].bias.zero_()
    for _ in range(200):
        labels = torch.multinomial(shares, 32, True, generator=generator).tolist()
        feats = (torch.eye(C, D)[labels],)
        samples = [DataSample().set_gt_label(label) for label in labels]
        losses = head.loss(feats, samples)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()

    prior = head.estimators[0].bias.detach()
    assert (prior.diff() > 0.2).all()  # from the most frequent to the rarest


def test_effective_prior_is_divided_out():
    generator = np.random.default_rng(1)
    scores, training = (generator.dirichlet(np.ones(C), size=n) for n in (6, 40))
    expected = scores / training.mean(axis=0)
    expected /= expected.sum(axis=1, keepdims=True)

    found = prior_to_posterior(torch.from_numpy(scores), torch.from_numpy(training))
    assert_close(found, torch.from_numpy(expected))


def test_effective_prior_of_converged_cross_entropy_is_the_class_frequency():
    torch.manual_seed(0)
    labels = torch.tensor([0] * 60 + [1] * 25 + [2] * 10 + [3] * 5)
    features = torch.randn(100, D, dtype=torch.double)
    layer = torch.nn.Linear(D, C).double()
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=500)

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(layer(features), labels) + layer.weight.square().sum() / 50
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    training = layer(features).softmax(dim=1).detach()
    adjusted = training / (labels.bincount() / 100)
    adjusted = adjusted / adjusted.sum(dim=1, keepdim=True)

    assert_close(prior_to_posterior(training, training), adjusted, rtol=1e-4, atol=1e-4)
    assert (adjusted - training).abs().max() > 0.05  # a correction that is not nothing


def test_effective_prior_of_unbiased_scores_corrects_twice():
    """A model of equally frequent classes, seen through long-tailed images."""
    labels = torch.tensor([0] * 90 + [1] * 10)
    sure = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
    undecided = torch.tensor([[0.5, 0.5]])

    found = prior_to_posterior(undecided, sure[labels])
    prior = torch.tensor([0.9 * 0.8 + 0.1 * 0.2, 0.9 * 0.2 + 0.1 * 0.8])
    assert_close(found[0], (1 / prior) / (1 / prior).sum())
    assert found[0, 1] > 0.7  # favours the rare class, where nothing is to correct
