"""Which calls of a loss are observed; others are refused, or left alone."""

import pytest
import torch
from mmpretrain.models.losses import (
    CrossEntropyLoss,
    SeesawLoss,
)
from torch import nn
from torch.testing import assert_close

from tests.batches import one_hot, random_logits, random_target
from tests.engine.gradient_recording.observing import (
    C,
    N,
    cross_entropy,
    observe,
    per_sample_gradients,
)


def test_other_uses_of_the_logits_are_not_observed():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    (module(logits, target, avg_factor=N) + 100 * logits.square().sum()).backward()
    expected = per_sample_gradients(cross_entropy, logits, one_hot(target, C))
    assert_close(seen[0][0], expected.float(), rtol=1e-5, atol=1e-7)


def test_calls_within_a_step_are_observed_separately():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    target = random_target('hard', N, C)
    both = [random_logits(N, C, seed).requires_grad_() for seed in (0, 1)]
    first, second = (module(z, target, avg_factor=N) for z in both)
    (first + 9 * second).backward()
    found = sorted(grad.square().sum().item() for grad, _ in seen)
    expected = [
        per_sample_gradients(cross_entropy, z, one_hot(target, C)) for z in both
    ]
    assert found == pytest.approx(sorted(e.square().sum().item() for e in expected))


def test_keyword_calls_are_observed():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    module(cls_score=logits, label=target, avg_factor=N).backward()
    assert len(seen) == 1


@pytest.mark.parametrize('how', ['no_grad', 'frozen', 'not backward'])
def test_nothing_is_observed_without_a_gradient(how):
    module = CrossEntropyLoss()
    _, seen = observe(module)
    logits, target = random_logits(N, C), random_target('hard', N, C)
    if how == 'no_grad':
        with torch.no_grad():
            module(logits.requires_grad_(), target)
    else:
        module(logits.requires_grad_(how == 'not backward'), target)
    assert not seen


def test_training_is_the_same_with_and_without_observer():
    target = random_target('hard', N, C)
    grads = []
    for watched in (False, True):
        module = SeesawLoss(num_classes=C)
        if watched:
            observe(module)
        logits = random_logits(N, C).float().requires_grad_()
        (module(logits, target, avg_factor=N) / 3).backward()
        grads.append(logits.grad)
    assert torch.equal(*grads)


def test_a_removed_observer_is_no_longer_called():
    module = CrossEntropyLoss()
    observer, seen = observe(module)
    observer.remove()
    module(random_logits(N, C).requires_grad_(), random_target('hard', N, C)).backward()
    assert not seen
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


class Unnamed(nn.Module):
    def forward(self, *args, **kwargs):
        return args[0].sum()


def test_a_loss_needs_logits_and_target_as_parameters():
    message = r'parameters of Unnamed\.forward: choose another loss'
    with pytest.raises(ValueError, match=message):
        observe(Unnamed())


def test_a_weight_of_0_hides_the_gradient_and_harms_nothing():
    module = CrossEntropyLoss(loss_weight=0.0)
    _, seen = observe(module)
    logits = random_logits(N, C).requires_grad_()
    module(logits, random_target('hard', N, C), avg_factor=N).backward()
    assert not seen
    assert not logits.grad.any()


class Odd(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, logits, target=None):
        return self.output(logits)


@pytest.mark.parametrize(
    ('output', 'shape', 'target', 'message'),
    [
        (
            torch.sum,
            (2, 3, 4),
            torch.zeros(2),
            r'Odd to be called with logits',
        ),
        (torch.sum, (2, 3), None, r'and a target, but got shape \(2, 3\) and NoneType'),
        (lambda z: {'loss': z}, (2, 3), torch.zeros(2).long(), 'a tensor.*dict'),
        (torch.sum, (2, 3), torch.zeros(2, 4), r'soft labels \(N, C\).*\(2, 4\)'),
        (torch.sum, (2, 3), torch.zeros(2), r'class indices \(N,\).*float32'),
    ],
)
def test_non_losses_are_refused_in_the_first_step(output, shape, target, message):
    module = Odd(output)
    observe(module)
    with pytest.raises(ValueError, match=message):
        module(torch.zeros(shape, requires_grad=True), target)
