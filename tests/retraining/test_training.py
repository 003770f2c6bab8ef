"""cRT and LWS equal plain training loops."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose

from mmgala.models import EqualizationLoss, GALALoss
from mmgala.retraining import (
    RetrainOptions,
    Schedule,
    initial_classifier,
    learn_weight_scale,
    train_classifier,
)
from mmgala.retraining.features import FeatureFile, write_rows
from mmgala.retraining.training import SampleOrder

COUNTS = [40, 12, 5, 0, 2]
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), COUNTS))
FEATURES = torch.from_numpy(
    np.random.default_rng(1).normal(size=(len(LABELS), 6)).astype(np.float32)
)
SCHEDULE = Schedule(epochs=3, lr=0.3, batch_size=16, weight_decay=0.01, seed=4)


class PlainLoss(torch.nn.Module):
    """Cross-entropy with the call of MMPretrain's losses."""

    def forward(self, cls_score, label, avg_factor=None):
        return F.cross_entropy(cls_score, label, reduction='sum') / avg_factor


def descend(tensors, value_of, schedule=SCHEDULE, not_decayed=()):
    """SGD with momentum, weight decay and a cosine by epoch, written out."""
    momenta = [torch.zeros_like(t) for t in tensors]
    order = SampleOrder(LABELS, 5, schedule.sampling, schedule.seed)
    for epoch in range(schedule.epochs):
        rate = schedule.lr * (1 + math.cos(math.pi * epoch / schedule.epochs)) / 2
        for batch in torch.from_numpy(order.of_epoch(epoch)).split(schedule.batch_size):
            value = value_of(FEATURES[batch], torch.from_numpy(LABELS)[batch])
            gradients = torch.autograd.grad(value, tensors)
            with torch.no_grad():
                for tensor, momentum, gradient in zip(
                    tensors, momenta, gradients, strict=True
                ):
                    if not any(tensor is other for other in not_decayed):
                        gradient = gradient + schedule.weight_decay * tensor
                    momentum.mul_(0.9).add_(gradient)
                    tensor -= rate * momentum


def start(bias=True, seed=4):
    """A new classifier of five classes."""
    return initial_classifier(5, 6, seed, bias)


def recorded_rates(monkeypatch):
    """List that collects the learning rate of every step of SGD from now on."""
    rates, step = [], torch.optim.SGD.step

    def record(self, *args, **kwargs):
        rates.append({group['lr'] for group in self.param_groups})
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.SGD, 'step', record)
    return rates


# 0.2 (1 + cos(pi e / E)) / 2 for e = 0 ... E - 1, E of LWS and of cRT.
RATES = {
    5: [0.2, 0.1809017, 0.1309017, 0.0690983, 0.0190983],
    10: [0.2, 0.1951057, 0.1809017, 0.1587785, 0.1309017,
         0.1, 0.0690983, 0.0412215, 0.0190983, 0.0048943],
}  # fmt: skip


@pytest.mark.parametrize(('method', 'epochs'), [('lws', 5), ('crt', 10)])
def test_learning_rate_of_every_epoch(method, epochs, monkeypatch):
    """Of the authors' settings: 5 and 10 epochs that start with 0.2."""
    rates = recorded_rates(monkeypatch)
    # Of so many samples five epochs are 500 steps: no epochs are added.
    schedule = RetrainOptions(batch_size=16).schedule(method, 1600, 'class')
    if method == 'lws':
        learn_weight_scale(FEATURES, LABELS, *start(), PlainLoss(), schedule)
    else:
        train_classifier(FEATURES, LABELS, start(), PlainLoss(), schedule)

    assert schedule.epochs == epochs
    steps = math.ceil(len(LABELS) / 16)
    assert len(rates) == steps * epochs
    for epoch, expected in enumerate(RATES[epochs]):
        (rate,) = set.union(*rates[epoch * steps : (epoch + 1) * steps])
        assert rate == pytest.approx(expected, abs=5e-8)


@pytest.mark.parametrize('sampling', ['class', 'instance'])
def test_new_classifier_equals_a_plain_loop(sampling):
    schedule = Schedule(3, 0.3, 16, 0.01, sampling, seed=4)
    expected = [t.requires_grad_() for t in start()]
    descend(expected, lambda x, y: F.cross_entropy(F.linear(x, *expected), y), schedule)

    weight, bias = train_classifier(FEATURES, LABELS, start(), PlainLoss(), schedule)

    assert_allclose(weight, expected[0].detach(), rtol=1e-4, atol=1e-6)
    assert_allclose(bias, expected[1].detach(), rtol=1e-4, atol=1e-6)
    assert abs(weight).max() > 0.1


@pytest.mark.parametrize('in_memory', [0, 10**6])
def test_features_in_a_file_give_the_same_classifier(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr('mmgala.retraining.training.IN_MEMORY', in_memory)
    write_rows(tmp_path / 'f.npy', tuple(FEATURES.shape), [FEATURES.numpy()])
    stored = FeatureFile(tmp_path / 'f.npy')

    trained = [
        train_classifier(features, LABELS, start(), PlainLoss(), SCHEDULE)[0]
        for features in (stored, FEATURES)
    ]

    assert_allclose(*trained, rtol=1e-5, atol=1e-7)


def test_a_classifier_without_bias_stays_so():
    expected = [start()[0].requires_grad_()]
    descend(expected, lambda x, y: F.cross_entropy(x @ expected[0].T, y))

    weight, bias = train_classifier(
        FEATURES, LABELS, start(bias=False), PlainLoss(), SCHEDULE
    )

    assert bias is None
    assert_allclose(weight, expected[0].detach(), rtol=1e-4, atol=1e-6)


def test_statistics_of_gala_are_those_of_the_same_steps():
    loss, reference = GALALoss(5), GALALoss(5)
    expected = [t.requires_grad_() for t in start()]
    descend(expected, lambda x, y: reference(F.linear(x, *expected), y))

    weight, _ = train_classifier(FEATURES, LABELS, start(), loss, SCHEDULE)

    assert_allclose(weight, expected[0].detach(), rtol=1e-3, atol=1e-5)
    assert_allclose(loss.pos_grad, reference.pos_grad, rtol=1e-4)
    assert loss.pos_grad[0] > 0
    assert not loss.training


def test_scale_equals_a_plain_loop():
    weight, bias = torch.randn(5, 6), torch.randn(5)
    expected = [torch.ones(5, requires_grad=True)]

    def value(x, y):
        # Scaled weight and bias: what goes into the layer in the end.
        scaled = expected[0][:, None] * weight, expected[0] * bias
        return F.cross_entropy(F.linear(x, *scaled), y)

    descend(expected, value)

    scale = learn_weight_scale(FEATURES, LABELS, weight, bias, PlainLoss(), SCHEDULE)

    assert_allclose(scale, expected[0].detach(), rtol=1e-4, atol=1e-6)
    assert abs(scale - 1).max() > 0.1


def test_scale_of_a_layer_without_bias():
    weight = torch.randn(5, 6)
    zero, none = (
        learn_weight_scale(FEATURES, LABELS, weight, bias, PlainLoss(), SCHEDULE)
        for bias in (torch.zeros(5), None)
    )
    assert_allclose(none, zero, rtol=1e-5)


def test_noise_of_a_loss_depends_on_the_seed_only():
    def train(seed):
        loss = EqualizationLoss(5, 0.5, 0.2, class_counts=COUNTS)
        schedule = Schedule(2, batch_size=16, seed=seed)
        return train_classifier(FEATURES, LABELS, start(), loss, schedule)[0]

    first = train(0)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    second = train(0)

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, train(1))


def test_a_new_classifier_starts_as_a_linear_layer_of_pytorch_does():
    """Uniform between plus and minus D^-1/2, weight and bias alike."""
    weight, bias = initial_classifier(2000, 64, seed=0)
    theirs = torch.nn.Linear(64, 2000)
    for ours, other in ((weight, theirs.weight.data), (bias, theirs.bias.data)):
        assert ours.shape == other.shape
        assert 0.1245 < ours.abs().max() <= 0.125
        # The deviation of a uniform distribution: 0.125 / sqrt(3).
        assert float(ours.std()) == pytest.approx(0.0722, abs=0.002)
        assert float(ours.std()) == pytest.approx(float(other.std()), abs=0.003)
        assert abs(float(ours.mean())) < 0.006
    assert torch.equal(weight, initial_classifier(2000, 64, seed=0, bias=False)[0])
    assert not torch.equal(weight, initial_classifier(2000, 64, seed=1)[0])


def test_a_trained_classifier_is_trained_further_and_not_modified():
    old = torch.randn(5, 6), torch.randn(5)
    kept = [tensor.clone() for tensor in old]
    expected = [tensor.clone().requires_grad_() for tensor in old]
    descend(expected, lambda x, y: F.cross_entropy(F.linear(x, *expected), y))

    weight, bias = train_classifier(FEATURES, LABELS, old, PlainLoss(), SCHEDULE)

    assert_allclose(weight, expected[0].detach(), rtol=1e-4, atol=1e-6)
    assert_allclose(bias, expected[1].detach(), rtol=1e-4, atol=1e-6)
    assert all(torch.equal(*pair) for pair in zip(old, kept, strict=True))


def test_weight_decay_can_exclude_the_bias():
    schedule = Schedule(3, 0.3, 16, weight_decay=0.5, seed=4)
    expected = [tensor.requires_grad_() for tensor in start()]
    descend(
        expected,
        lambda x, y: F.cross_entropy(F.linear(x, *expected), y),
        schedule,
        not_decayed=[expected[1]],
    )

    weight, bias = train_classifier(
        FEATURES, LABELS, start(), PlainLoss(), schedule, decay_bias=False
    )

    assert_allclose(weight, expected[0].detach(), rtol=1e-4, atol=1e-6)
    assert_allclose(bias, expected[1].detach(), rtol=1e-4, atol=1e-6)
    decayed = train_classifier(FEATURES, LABELS, start(), PlainLoss(), schedule)[1]
    assert abs(decayed - bias).max() > 0.01


def test_class_sampling_draws_classes_alike_and_never_an_empty_one():
    order = SampleOrder(LABELS, 5, 'class', seed=0)
    draws = [np.bincount(LABELS[order.of_epoch(e)], minlength=5) for e in range(4)]

    for counts in draws:
        assert counts[3] == 0
        assert set(counts[[0, 1, 2, 4]]) <= {14, 15}  # 59 draws of four classes
    assert not np.array_equal(order.of_epoch(0), order.of_epoch(1))


def test_instance_sampling_draws_each_sample_once():
    order = SampleOrder(LABELS, 5, 'instance', seed=0).of_epoch(2)
    assert np.array_equal(np.sort(order), np.arange(len(LABELS)))


@pytest.mark.filterwarnings('error')
def test_a_training_warns_of_nothing():
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # not only once in a process
    try:
        train_classifier(FEATURES, LABELS, start(), PlainLoss(), SCHEDULE)
    finally:
        torch.set_warn_always(before)


def test_a_training_that_diverges_is_reported():
    schedule = Schedule(epochs=20, lr=1e30, batch_size=16)
    with pytest.raises(ValueError, match=r'80 steps PlainLoss is nan.*lr below 1e'):
        train_classifier(FEATURES, LABELS, start(), PlainLoss(), schedule)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(epochs=0), '`epochs` to be an integer of 1 or more'),
        (dict(batch_size=1.5), '`batch_size` to be an integer of 1 or more'),
        (dict(lr=0.0), '`lr` to be positive, but got'),
        (dict(lr=math.nan), '`lr` to be positive, but got'),
        (dict(weight_decay=-1.0), '`weight_decay` to be 0 or more'),
        (dict(seed=-1), '`seed` to be an integer of 0 or more, but got -1'),
        (dict(sampling='sqrt'), "`sampling` to be one of .* but got 'sqrt'"),
    ],
)
def test_a_schedule_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**arguments)
