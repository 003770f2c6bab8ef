"""The loss observer sees the gradient of each sample's loss, for every loss.

The reference differentiates the unreduced loss of each sample separately.
"""

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from mmpretrain.models.heads import ArcFaceClsHead, StackedLinearClsHead
from mmpretrain.models.losses import (
    AsymmetricLoss,
    CrossEntropyLoss,
    FocalLoss,
    LabelSmoothLoss,
    SeesawLoss,
)
from mmpretrain.structures import DataSample
from torch import nn
from torch.testing import assert_close

from mmgala.engine.gradient_recording.loss_observer import LossObserver
from mmgala.models import EqualizationLoss, GALALoss
from tests.batches import one_hot, random_logits, random_target

N, C = 12, 5
COUNTS = [100, 50, 20, 5, 1]


def cross_entropy(z, t):
    return -(t * z.log_softmax(0)).sum()


def smoothed(z, t):
    return cross_entropy(z, 0.9 * t + 0.1 / C)


def focal(z, t):
    p = z.sigmoid()
    positive = -0.25 * (1 - p) ** 2 * F.logsigmoid(z)
    negative = -0.75 * p**2 * F.logsigmoid(-z)
    return (t * positive + (1 - t) * negative).sum()


def binary(z, t):
    return -(t * F.logsigmoid(z) + (1 - t) * F.logsigmoid(-z)).sum()


def class_weighted(z, t):
    return -(torch.tensor([1.0, 2, 3, 4, 5]).double() * t * z.log_softmax(0)).sum()


LOSSES = {
    'cross-entropy': (CrossEntropyLoss, {}, cross_entropy),
    'class weights': (
        CrossEntropyLoss,
        dict(class_weight=[1.0, 2, 3, 4, 5]),
        class_weighted,
    ),
    'label smoothing': (
        LabelSmoothLoss,
        dict(label_smooth_val=0.1, num_classes=C),
        smoothed,
    ),
    'focal': (FocalLoss, {}, focal),
    'GALA, first step': (
        GALALoss,
        dict(num_classes=C),
        lambda z, t: cross_entropy(z + (1 - t) * 0, t),
    ),
}


def per_sample_gradients(formula, logits, soft):
    """Gradient of each sample's loss, computed separately, ``(N, C)``."""
    rows = []
    for z, t in zip(logits, soft, strict=True):
        z = z.detach().clone().requires_grad_()
        formula(z, t).backward()
        rows.append(z.grad)
    return torch.stack(rows)


def observe(module):
    """Observe ``module``; return the observer and the list that it fills."""
    seen = []
    return LossObserver(module, lambda grad, target: seen.append((grad, target))), seen


@pytest.mark.parametrize(
    ('name', 'avg_factor'),
    [
        *((name, factor) for name in LOSSES for factor in (N, 7.5, 'tensor')),
        # Without avg_factor, the mean of a focal loss would be over N * C elements.
        *((name, None) for name in LOSSES if name != 'focal'),
    ],
)
@pytest.mark.parametrize('loss_weight', [1.0, 3.0])
@pytest.mark.parametrize('later', [1.0, 65536.0, 0.25])
def test_neither_weight_nor_mean_nor_later_scaling_changes_it(
    name, loss_weight, avg_factor, later
):
    kind, options, formula = LOSSES[name]
    module = kind(loss_weight=loss_weight, **options)
    _, seen = observe(module)
    logits = random_logits(N, C).requires_grad_()
    target = random_target('hard', N, C)
    avg_factor = torch.tensor(9.0) if avg_factor == 'tensor' else avg_factor

    (module(logits, target, avg_factor=avg_factor) * later).backward()

    ((grad, seen_target),) = seen
    expected = per_sample_gradients(formula, logits, one_hot(target, C))
    assert_close(grad, expected.float(), rtol=1e-5, atol=1e-7)
    assert torch.equal(seen_target, target)
    if isinstance(avg_factor, torch.Tensor):
        assert avg_factor == 9.0  # a caller's tensor is not changed


def test_a_mean_with_avg_factor_is_over_samples():
    module = CrossEntropyLoss(use_sigmoid=True)
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    soft = one_hot(target, C)
    module(logits, soft, avg_factor=N).backward()
    assert_close(
        seen[0][0],
        per_sample_gradients(binary, logits, soft).float(),
        rtol=1e-5,
        atol=1e-7,
    )


@pytest.mark.parametrize('reduction', ['mean', 'sum', 'none'])
@pytest.mark.parametrize('override', [False, True])
def test_reductions(reduction, override):
    given = dict(reduction_override=reduction) if override else {}
    module = CrossEntropyLoss(reduction='sum' if override else reduction)
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    loss = module(logits, target, **given)
    # What a caller does with an unreduced loss does not count.
    (loss * torch.arange(1.0, N + 1)).sum().backward() if loss.ndim else loss.backward()
    expected = per_sample_gradients(cross_entropy, logits, one_hot(target, C))
    assert_close(seen[0][0], expected.float(), rtol=1e-5, atol=1e-7)


def test_samples_count_by_their_weight():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    weight = torch.arange(N).float()
    module(logits, target, weight=weight, avg_factor=30).backward()
    expected = per_sample_gradients(cross_entropy, logits, one_hot(target, C))
    assert_close(seen[0][0], (expected * weight[:, None]).float(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('kind', [CrossEntropyLoss, LabelSmoothLoss])
def test_soft_labels_of_mixup(kind):
    if kind is LabelSmoothLoss:
        module, formula = kind(0.1, num_classes=C), smoothed
    else:
        module, formula = kind(use_soft=True), cross_entropy
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('soft', N, C)
    module(logits, target, avg_factor=N).backward()
    grad, seen_target = seen[0]
    expected = per_sample_gradients(formula, logits, target)
    assert_close(grad, expected.float(), rtol=1e-5, atol=1e-7)
    assert_close(seen_target, target.float())


def test_gala_after_steps_has_the_gradient_of_its_adjusted_logits():
    module = GALALoss(C).train()
    _, seen = observe(module)
    logits, target = random_logits(N, C), random_target('hard', N, C)
    before = module.pos_grad.clone()
    for _ in range(3):
        before = module.pos_grad.clone()
        module(logits.clone().requires_grad_(), target, avg_factor=N).backward()
    log_theta = (before.double() + 1e-3).log()

    def formula(z, t):
        own = (t * log_theta).sum()
        return cross_entropy(z + (1 - t) * (log_theta - own), t)

    expected = per_sample_gradients(formula, logits, one_hot(target, C))
    assert_close(seen[-1][0], expected.float(), rtol=1e-5, atol=1e-7)
    sums = torch.zeros(C).index_add_(
        0, target, -seen[-1][0].gather(1, target[:, None])[:, 0]
    )
    assert_close(module.pos_grad - before, sums, rtol=1e-4, atol=1e-6)


def test_equalization_spares_the_tail():
    module = EqualizationLoss(C, 1.0, 0.1, class_counts=COUNTS)
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), torch.zeros(N).long()
    module(logits, target, avg_factor=N).backward()
    grad = seen[0][0]
    assert not grad[:, 3:].any()
    p = logits[:, :3].softmax(dim=1)
    p = torch.cat((p[:, :1] - 1, p[:, 1:]), dim=1)
    assert_close(grad[:, :3], p.detach().float(), rtol=1e-5, atol=1e-7)


@pytest.fixture
def _mmpretrain_scope():
    init_default_scope('mmpretrain')


def features_and_samples():
    samples = [DataSample().set_gt_label(int(y)) for y in random_target('hard', N, C)]
    return (torch.randn(N, 8),), samples


@pytest.mark.usefixtures('_mmpretrain_scope')
def test_arcface_is_observed_with_the_logits_of_its_loss():
    head = ArcFaceClsHead(C, 8, scale=10.0)
    _, seen = observe(head.loss_module)
    feats, samples = features_and_samples()
    head.loss(feats, samples)['loss'].backward()
    grad, target = seen[0]
    with torch.no_grad():
        logits = head(feats, target)
    expected = logits.softmax(dim=1) - F.one_hot(target, C)
    assert_close(grad, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures('_mmpretrain_scope')
def test_a_head_of_several_layers():
    head = StackedLinearClsHead(C, 8, mid_channels=[6])
    _, seen = observe(head.loss_module)
    feats, samples = features_and_samples()
    (head.loss(feats, samples)['loss'] * 0.5).backward()
    grad, target = seen[0]
    with torch.no_grad():
        expected = head(feats).softmax(dim=1) - F.one_hot(target, C)
    assert_close(grad, expected, rtol=1e-4, atol=1e-6)


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


def test_half_precision_gradients_are_observed_unchanged():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    linear = nn.Linear(4, C)
    target = random_target('hard', N, C)
    with torch.autocast('cpu', torch.bfloat16):
        logits = linear(torch.randn(N, 4))
        loss = module(logits, target, avg_factor=N)
    assert logits.dtype == torch.bfloat16
    (loss * 2.0**16).backward()
    expected = per_sample_gradients(
        cross_entropy, logits.detach().double(), one_hot(target, C)
    )
    # The gradient itself was rounded to 8 bits.
    assert_close(seen[0][0], expected.float(), rtol=2**-7, atol=1e-4)
    assert seen[0][0].dtype == torch.float32


def test_an_overflow_is_passed_on_as_such():
    module = CrossEntropyLoss()
    _, seen = observe(module)
    logits = random_logits(N, C).half().requires_grad_()
    (module(logits.float(), random_target('hard', N, C)) * float('inf')).backward()
    assert not seen[0][0].isfinite().any()


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


def test_asymmetric_loss_is_observed():
    module = AsymmetricLoss(loss_weight=2.0)
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    module(logits, one_hot(target, C), avg_factor=N).backward()
    # The loss's gradient, with weight and mean removed by hand.
    assert_close(seen[0][0], (logits.grad * N / 2).float(), rtol=1e-5, atol=1e-8)
