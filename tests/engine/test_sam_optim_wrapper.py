"""Sharpness-aware minimisation: its steps by hand, and what they leave alone."""

import copy

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn
from torch.testing import assert_close

from mmgala.engine import SAMOptimWrapper
from mmgala.engine.gradient_recording.loss_observer import LossObserver
from mmgala.losses import GALALoss

RHO, LR = 0.1, 0.5


class Classifier(BaseModel):
    """A linear classifier on normalised inputs."""

    def __init__(self, normalised=True):
        super().__init__()
        self.norm = nn.BatchNorm1d(4) if normalised else nn.Identity()
        self.fc = nn.Linear(4, 3)
        self.loss = GALALoss(3)
        self.calls = 0

    def forward(self, inputs, labels, mode='loss'):
        self.calls += 1
        return dict(loss=self.loss(self.fc(self.norm(inputs)), labels))


def batches(steps):
    torch.manual_seed(1)
    return [dict(inputs=torch.randn(8, 4), labels=torch.randint(3, (8,)))
            for _ in range(steps)]  # fmt: skip


def wrapped(model, **settings):
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    return SAMOptimWrapper(optimizer=optimizer, rho=RHO, **settings)


def by_hand(model, batch):
    """One step of the formula, with statistics of the first pass alone."""
    weights = list(model.parameters())
    first = copy.deepcopy(model)
    losses = first(**batch)['loss']
    grads = torch.autograd.grad(losses, list(first.parameters()))
    length = sum(float((g**2).sum()) for g in grads) ** 0.5
    second = copy.deepcopy(model)
    with torch.no_grad():
        for weight, grad in zip(second.parameters(), grads, strict=True):
            weight += RHO * grad / length
    slopes = torch.autograd.grad(second(**batch)['loss'], list(second.parameters()))
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight -= LR * slope
        for buffer, seen in zip(model.buffers(), first.buffers(), strict=True):
            buffer.copy_(seen)


def test_steps_equal_the_formula():
    torch.manual_seed(0)
    model = Classifier().train()
    expected = copy.deepcopy(model)
    wrapper = wrapped(model)

    for batch in batches(4):
        model.train_step(batch, wrapper)
        by_hand(expected, batch)

    assert_close(model.state_dict(), expected.state_dict())
    assert model.calls == 8
    assert float(model.norm.num_batches_tracked) == 4
    assert not any(w.grad is not None and w.grad.any() for w in model.parameters())


def test_samples_count_once_where_the_reduction_is_deferred():
    found = []
    for deferred in (False, True):
        torch.manual_seed(0)
        model = Classifier().train()
        wrapper = wrapped(model)
        if deferred:
            model.loss.defer_reduction()
        for batch in batches(3):
            model.train_step(batch, wrapper)
            if deferred:
                model.loss.take_pending()
        found.append(model.loss.pos_grad)
    assert_close(*found)


def test_samples_are_observed_once():
    model = Classifier().train()
    counts = []
    LossObserver(model.loss, lambda grad, target: counts.append(len(target)))
    wrapper = wrapped(model)
    for batch in batches(3):
        model.train_step(batch, wrapper)
    assert counts == [8, 8, 8]


def test_it_differs_from_plain_descent():
    torch.manual_seed(0)
    model = Classifier()
    plain = copy.deepcopy(model)
    wrapper = OptimWrapper(torch.optim.SGD(plain.parameters(), lr=LR))
    (batch,) = batches(1)

    model.train_step(batch, wrapped(model))
    plain.train_step(batch, wrapper)

    assert (model.fc.weight - plain.fc.weight).abs().max() > 1e-4
    assert_close(model.loss.pos_grad, plain.loss.pos_grad)


def test_a_gradient_of_zero_leaves_weights_alone():
    model = Classifier(normalised=False)
    model.loss.loss_weight = 0.0
    before = copy.deepcopy(model.fc.state_dict())

    model.train_step(batches(1)[0], wrapped(model))

    assert_close(model.fc.state_dict(), before)


def test_bfloat16_runs_both_passes_under_autocast():
    seen = []
    model = Classifier(normalised=False)
    model.fc.register_forward_hook(lambda *args: seen.append(args[2].dtype))

    model.train_step(batches(1)[0], wrapped(model, dtype='bfloat16'))

    assert seen == [torch.bfloat16] * 2


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        (dict(rho=0.0), 'rho.*0'),
        (dict(dtype='float16'), "dtype.*'float16'"),
        (dict(accumulative_counts=4), 'accumulative_counts.*4.*batch size'),
    ],
)
def test_settings_are_refused_with_the_remedy(settings, words):
    optimizer = torch.optim.SGD(Classifier().parameters(), lr=LR)
    with pytest.raises(ValueError, match=words):
        SAMOptimWrapper(optimizer=optimizer, **settings)


def test_a_step_needs_a_forward_pass():
    model = Classifier()
    loss = model(**batches(1)[0])['loss']
    with pytest.raises(RuntimeError, match='optim_context'):
        wrapped(model).update_params(loss)
