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
)
from mmpretrain.structures import DataSample
from torch import nn
from torch.testing import assert_close

from mmgala.models import EqualizationLoss, GALALoss
from tests.batches import one_hot, random_logits, random_target
from tests.engine.gradient_recording.observing import (
    C,
    N,
    cross_entropy,
    observe,
    per_sample_gradients,
    smoothed,
)

COUNTS = [100, 50, 20, 5, 1]


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


def test_asymmetric_loss_is_observed():
    module = AsymmetricLoss(loss_weight=2.0)
    _, seen = observe(module)
    logits, target = random_logits(N, C).requires_grad_(), random_target('hard', N, C)
    module(logits, one_hot(target, C), avg_factor=N).backward()
    # The loss's gradient, with weight and mean removed by hand.
    assert_close(seen[0][0], (logits.grad * N / 2).float(), rtol=1e-5, atol=1e-8)
