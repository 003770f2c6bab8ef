"""Every loss against its formula in NumPy, and against other implementations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.testing import assert_close

from mmgala.losses import (
    ClassBalancedFocalLoss,
    ClassBalancedLoss,
    GCLLoss,
    LabelAwareSmoothingLoss,
    SeesawLoss,
)
from tests.batches import one_hot, random_logits, random_target
from tests.losses.loss_cases import CASES, unreduced
from tests.reference import long_tailed_losses_numpy as reference

N = 15
COUNTS = dict(
    long_tail=[500, 300, 100, 60, 40, 3],
    absent=[0, 300, 100, 0, 40, 3],
    alike=[20] * 6,
    extreme=[1_000_000, 1, 1, 50_000, 1, 2],
)
# Buffers are float32.
TOLERANCE = dict(rtol=1e-6, atol=1e-6)


KINDS = [
    (name, kind)
    for name, case in CASES.items()
    for kind in ('hard', 'soft')
    if case.formula and (case.soft or kind == 'hard')
]


@pytest.mark.parametrize('counts', COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_loss_is_that_of_the_formula(name, counts, kind):
    logits, target = random_logits(N, 6), random_target(kind, N, 6)
    loss = unreduced(CASES[name].build(counts), logits, target)
    shares = one_hot(target, 6) if kind == 'hard' else target
    expected = CASES[name].formula(logits.numpy(), shares.numpy(), counts)
    assert_allclose(loss.numpy(), expected, **TOLERANCE)


@pytest.mark.parametrize('shape', ['concave', 'linear', 'convex'])
def test_smoothing_of_each_shape(shape):
    counts = COUNTS['long_tail']
    logits, target = random_logits(N, 6), random_target('hard', N, 6)
    loss = unreduced(
        LabelAwareSmoothingLoss(6, 0.5, 0.2, shape, counts), logits, target
    )
    expected = reference.label_aware_smoothing(
        logits.numpy(), one_hot(target, 6).numpy(), counts, 0.5, 0.2, shape
    )
    assert_allclose(loss.numpy(), expected, **TOLERANCE)


@pytest.mark.parametrize('p', [0.0, 0.8, 2.0])
@pytest.mark.parametrize('q', [0.0, 2.0])
@pytest.mark.parametrize('eps', [1e-2, 0.2])
def test_seesaw_is_that_of_the_formula(p, q, eps):
    loss_module, seen = SeesawLoss(6, p, q, eps), np.zeros(6)
    for step in range(3):
        logits, target = random_logits(N, 6, step), random_target('hard', N, 6, step)
        logits.requires_grad_()
        loss = loss_module(logits, target, reduction_override='none')
        for label in target.tolist():
            seen[label] += 1
        expected = reference.seesaw(
            logits.detach().numpy(), one_hot(target, 6).numpy(), seen, p, q, eps
        )
        assert_allclose(loss.detach().numpy(), expected, rtol=1e-10, atol=1e-12)
        assert loss_module.seen.tolist() == seen.tolist()


@pytest.mark.parametrize(('p', 'q'), [(0.8, 2.0), (0.5, 0.0), (0.0, 1.0)])
@pytest.mark.parametrize('weighted', [False, True])
def test_seesaw_is_that_of_mmpretrain(p, q, weighted):
    losses = pytest.importorskip('mmpretrain.models.losses')
    ours, theirs = SeesawLoss(20, p, q), losses.SeesawLoss(False, p, q, 20)
    for step in range(5):
        logits = random_logits(64, 20, step, scale=3).float()
        # Squaring makes a long tail; their counts take samples of weight 0 too.
        target = (20 * torch.rand(64) ** 3).long()
        weight = torch.rand(64) + 0.1 if weighted else None
        results = []
        for loss_module in (ours, theirs):
            z = logits.clone().requires_grad_()
            loss = loss_module(z, target, weight)
            results.append((loss, *torch.autograd.grad(loss, z)))
        assert_close(*results)
        assert torch.equal(ours.seen, theirs.cum_samples.long())
    assert int(ours.seen.sum()) == 320


def test_class_balanced_is_weighted_cross_entropy():
    counts = COUNTS['extreme']
    logits, target = random_logits(N, 6), random_target('hard', N, 6)
    loss = unreduced(ClassBalancedLoss(6, 0.999, counts), logits, target)
    weight = torch.tensor(reference.effective_number_weights(counts, 0.999))
    expected = F.cross_entropy(logits, target, weight.double(), reduction='none')
    assert_close(loss, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize('counts', [[5, 5, 5, 5, 5, 5], [500, 300, 100, 60, 40, 3]])
def test_focal_is_that_of_torchvision(counts, gamma):
    ops = pytest.importorskip('torchvision.ops')
    logits, target = random_logits(N, 6, scale=5), random_target('hard', N, 6)
    logits.requires_grad_()
    shares = one_hot(target, 6)
    loss = unreduced(ClassBalancedFocalLoss(6, 0.99, gamma, counts), logits, target)
    weight = torch.tensor(reference.effective_number_weights(counts, 0.99))[target]
    plain = ops.sigmoid_focal_loss(logits, shares, alpha=-1, gamma=gamma).sum(dim=1)
    for ours, theirs in (
        (loss, weight * plain),
        (
            torch.autograd.grad(loss.sum(), logits)[0],
            torch.autograd.grad((weight * plain).sum(), logits)[0],
        ),
    ):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_focal_is_twice_that_of_mmpretrain_with_alpha_one_half():
    losses = pytest.importorskip('mmpretrain.models.losses')
    logits, target = random_logits(N, 6), random_target('hard', N, 6)
    loss = unreduced(ClassBalancedFocalLoss(6, 0.0, 2.0, [1] * 6), logits, target)
    theirs = losses.FocalLoss(gamma=2.0, alpha=0.5, reduction='none')
    expected = 2 * theirs(logits, one_hot(target, 6)).sum(dim=1)
    assert_close(loss, expected)


@pytest.mark.parametrize('size', [100.0, 1e4])
def test_focal_with_gamma_below_1_has_finite_gradients(size):
    """A power of a probability that rounds to 0 has an infinite derivative."""
    logits = (size * (torch.arange(36.0).reshape(6, 6) % 3 - 1)).requires_grad_()
    loss = ClassBalancedFocalLoss(6, gamma=0.5, class_counts=[1] * 6)
    (gradient,) = torch.autograd.grad(loss(logits, torch.arange(6)), logits)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize('smoothing', [0.0, 0.1, 0.5])
def test_equal_factors_are_label_smoothing_of_pytorch(smoothing):
    """PyTorch gives each class s / C, the label's too; the paper s / (C - 1)."""
    logits, target = random_logits(N, 6), random_target('hard', N, 6)
    for variant, factor in (('official', 1.0), ('paper', 6 / 5)):
        loss_module = LabelAwareSmoothingLoss(
            6, smoothing, smoothing, class_counts=[9, 1, 3, 3, 3, 1], variant=variant
        )
        loss = unreduced(loss_module, logits, target)
        expected = F.cross_entropy(
            logits, target, label_smoothing=smoothing * factor, reduction='none'
        )
        assert_close(loss, expected, rtol=1e-6, atol=1e-6)


def test_the_focal_factor_of_gcl_passes_on_no_gradient():
    """The authors detach it: the gradient is that of cross-entropy times it."""
    logits, target = random_logits(N, 6).requires_grad_(), random_target('hard', N, 6)
    plain, focal = (
        GCLLoss(6, noise_scale=0, class_counts=COUNTS['long_tail'], gamma=gamma)
        for gamma in (0.0, 2.0)
    )
    first, second = (unreduced(loss, logits, target) for loss in (plain, focal))
    expected, found = (
        torch.autograd.grad(loss.sum(), logits)[0] for loss in (first, second)
    )
    factor = (1 - torch.exp(-first.detach())) ** 2
    assert_close(found, factor[:, None] * expected)


def test_a_confident_sample_has_a_focal_factor_of_0_and_no_nan():
    logits = torch.tensor([[200.0, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = GCLLoss(2, noise_scale=0, class_counts=[2, 1], gamma=0.5)
    values = loss(logits, torch.tensor([0, 0]), reduction_override='none')
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert values[0] == 0
    assert torch.isfinite(gradient).all()


def test_unknown_variants_and_soft_labels_are_refused():
    with pytest.raises(ValueError, match=r"`variant` to be one of .* got 'code'"):
        LabelAwareSmoothingLoss(6, variant='code')
    loss, shares = GCLLoss(2, class_counts=[2, 1], gamma=1.0), torch.full((1, 2), 0.5)
    with pytest.raises(
        ValueError, match=r'gamma=1 needs class indices, not soft .*0\.'
    ):
        loss(torch.zeros(1, 2), shares)


def test_equalization_and_clouds_draw_in_each_forward():
    logits, target = random_logits(N, 6), random_target('hard', N, 6)
    for name in ('gcl', 'equalization'):
        loss_module = CASES[name].build()
        first, second = (loss_module(logits, target) for _ in range(2))
        assert first != second


def test_clouds_are_half_normal_cut_at_1_in_units_of_the_cosine():
    """The authors' draws: `Normal(0, 1 / 3).sample().clamp(-1, 1).abs()`."""
    loss_module = CASES['gcl'].build([100, 10, 1], margin=0.0)
    logits = torch.zeros(20_000, 3, requires_grad=True)
    target = torch.zeros(20_000, dtype=torch.long)
    loss = loss_module(logits, target, reduction_override='none').detach()
    # The largest class has no cloud: e^loss = 1 + e^-a + e^-b.
    torch.manual_seed(0)
    rest = loss.exp() - 1
    draws = torch.randn(2, 200_000, dtype=torch.float64).div(3).abs().clamp(max=1)
    size = 10 * 0.3 * torch.tensor([[0.5], [1.0]])
    expected = (-size * draws).exp().sum(dim=0)
    # Standard errors of the mean: 0.003 and 0.001.
    assert float(rest.mean()) == pytest.approx(float(expected.mean()), abs=0.015)
    assert float(rest.std()) == pytest.approx(float(expected.std()), abs=0.015)
    assert rest.min() > float((-size).exp().sum()) - 1e-6
