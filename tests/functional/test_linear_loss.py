"""Classifier and loss in blocks, against all logits at once."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck
from torch.testing import assert_close

from mmgala.functional import (
    adjusted_cross_entropy,
    gala_linear_loss,
    gala_loss,
    linear_cross_entropy,
)
from tests.batches import random_target

N, C, D = 7, 11, 3
# Bytes of a block: all logits; several classes of all samples; few classes; one logit.
BLOCKS = {'one block': None, 'classes': 4 * N * 3, 'few': 4 * N, 'one logit': 4}


def layer(dtype=torch.float64, seed=0, classes=C):
    """Features, weights and bias that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (N, D), (classes, D), (classes,)
    return tuple(
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in shapes
    )


def shifts(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn((2, C), generator=generator, dtype=dtype)


def gradients(loss, arguments):
    """Gradients of a sum with a different factor for each sample."""
    factors = torch.linspace(-1, 2, len(loss), dtype=loss.dtype)
    return torch.autograd.grad((loss * factors).sum(), arguments)


@pytest.mark.parametrize('block_bytes', BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('shifted', [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_equals_all_logits_at_once(block_bytes, kind, shifted):
    arguments, target = layer(), random_target(kind, N, C).double()
    target = target.long() if kind == 'hard' else target
    vectors = [v if on else None for v, on in zip(shifts(), shifted, strict=True)]
    expected = adjusted_cross_entropy(F.linear(*arguments), target, *vectors)
    loss = linear_cross_entropy(*arguments, target, *vectors, block_bytes)
    assert_close(loss, expected)
    assert_close(gradients(loss, arguments), gradients(expected, arguments))


@pytest.mark.parametrize('block_bytes', [None, 8 * 3 * 2])
def test_gradcheck(block_bytes):
    target = torch.tensor([0, 10, 4])
    bias, margin = shifts()
    features, weight, own = (each.detach() for each in layer())
    arguments = [each.requires_grad_() for each in (features[:3], weight, own)]

    def loss(*arguments):
        return linear_cross_entropy(*arguments, target, bias, margin, block_bytes)

    assert gradcheck(loss, arguments)


@pytest.mark.parametrize('needed', [0, 1, 2])
@pytest.mark.parametrize('block_bytes', [None, 64])
def test_one_gradient_alone(needed, block_bytes):
    arguments, target = layer(), random_target('hard', N, C)
    expected = gradients(F.cross_entropy(F.linear(*arguments), target,
                                         reduction='none'), arguments)  # fmt: skip
    for number, argument in enumerate(arguments):
        argument.requires_grad_(number == needed)
    loss = linear_cross_entropy(*arguments, target, block_bytes=block_bytes)
    assert_close(gradients(loss, arguments[needed])[0], expected[needed])


def test_without_a_bias():
    features, weight, _ = layer()
    target = random_target('hard', N, C)
    expected = F.cross_entropy(features @ weight.t(), target, reduction='none')
    assert_close(linear_cross_entropy(features, weight, None, target), expected)


@pytest.mark.parametrize('block_bytes', BLOCKS.values(), ids=BLOCKS)
def test_float32_is_right_to_1e_5(block_bytes):
    arguments, target = layer(torch.float32), random_target('hard', N, C)
    exact = [a.double() for a in arguments]
    bias, margin = shifts()
    expected = adjusted_cross_entropy(F.linear(*exact), target, bias, margin)
    loss = linear_cross_entropy(*arguments, target, bias, margin, block_bytes)
    assert loss.dtype == torch.float32
    assert_close(loss.double(), expected, rtol=1e-5, atol=1e-5)
    found, wanted = gradients(loss, arguments), gradients(expected, arguments)
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('block_bytes', [None, 200])
def test_half_precision_is_as_good_as_all_logits(dtype, autocast, block_bytes):
    stored = torch.float32 if autocast else dtype
    arguments, target = layer(stored), random_target('hard', N, C)
    exact = [a.double() for a in arguments]
    expected = F.cross_entropy(F.linear(*exact), target, reduction='none')
    wanted = gradients(expected, arguments)
    with torch.autocast('cpu', dtype, enabled=autocast):
        loss = linear_cross_entropy(*arguments, target, block_bytes=block_bytes)
        plain = F.cross_entropy(F.linear(*arguments).float(), target, reduction='none')
    assert loss.dtype == torch.float32
    found, usual = gradients(loss, arguments), gradients(plain, arguments)
    for own, others, right in zip(
        (loss, *found), (plain, *usual), (expected, *wanted), strict=True
    ):
        rounding = torch.finfo(dtype).eps * right.abs().max()
        limit = (others.double() - right).abs().max() + rounding
        assert (own.double() - right).abs().max() <= limit
    assert [each.dtype for each in found] == [stored] * 3


def test_an_unlikely_class_keeps_its_gradient_in_float16_with_a_loss_scale():
    features, weight = torch.ones(1, 1), torch.tensor([[15.0], [0.0]])
    weight.requires_grad_()
    with torch.autocast('cpu', torch.float16):
        loss = linear_cross_entropy(features, weight, None, torch.tensor([0]))
    (grad,) = torch.autograd.grad(2**16 * loss.sum(), weight)
    assert float(grad[1]) / 2**16 == pytest.approx(3.059e-7, rel=1e-2)


@pytest.mark.parametrize('scale', [1, 100, -100])
def test_large_logits(scale):
    weight = scale * torch.eye(4).repeat(3, 1)
    features = torch.eye(4)
    target = torch.tensor([0, 5, 3, 10])
    expected = F.cross_entropy(features @ weight.t(), target, reduction='none')
    loss = linear_cross_entropy(features, weight, None, target, block_bytes=4 * 4 * 3)
    assert_close(loss, expected)


def test_a_class_of_bias_minus_infinity_has_no_probability():
    features, weight, bias = layer()
    shift = torch.zeros(C, dtype=bias.dtype)
    shift[:6] = -torch.inf
    target = random_target('hard', N, C - 6) + 6
    for block_bytes in (None, 8 * N * 2):
        loss = linear_cross_entropy(
            features, weight, bias, target, shift, block_bytes=block_bytes
        )
        expected = linear_cross_entropy(features, weight[6:], bias[6:], target - 6)
        assert_close(loss, expected)
        assert gradients(loss, weight)[0].isfinite().all()


def test_not_a_number_stays_visible():
    features, weight, bias = layer()
    broken = features.detach().clone()
    broken[1, 0] = torch.nan
    target = random_target('hard', N, C)
    loss = linear_cross_entropy(broken, weight, bias, target, block_bytes=200)
    assert loss.isnan().nonzero().flatten().tolist() == [1]


def test_no_samples():
    features, weight, bias = layer()
    for block_bytes in (None, 64):
        none = torch.zeros(0, dtype=torch.long)
        loss = linear_cross_entropy(
            features[:0], weight, bias, none, block_bytes=block_bytes
        )
        assert loss.shape == (0,)
        (grad,) = torch.autograd.grad(loss.sum(), weight)
        assert not grad.any()


@pytest.mark.parametrize('block_bytes', [None, 200])
def test_a_second_backward_pass_gives_the_same(block_bytes):
    arguments = layer()
    target = random_target('hard', N, C)
    loss = linear_cross_entropy(*arguments, target, block_bytes=block_bytes).sum()
    first = torch.autograd.grad(loss, arguments, retain_graph=True)
    assert_close(torch.autograd.grad(loss, arguments), first)


def test_second_derivatives_are_refused():
    arguments = layer()
    loss = linear_cross_entropy(*arguments, random_target('hard', N, C)).sum()
    with pytest.raises(RuntimeError, match='no second derivative.*create_graph'):
        torch.autograd.grad(loss, arguments, create_graph=True)


def test_arguments_are_left_alone():
    arguments, target = layer(), random_target('hard', N, C)
    before = [each.detach().clone() for each in (*arguments, *shifts())]
    vectors = shifts()
    linear_cross_entropy(*arguments, target, *vectors).sum().backward()
    assert_close([each.detach() for each in (*arguments, *vectors)], before, rtol=0,
                 atol=0)  # fmt: skip


def test_a_compiled_function_is_right():
    arguments, target = layer(), random_target('hard', N, C)

    def loss(*arguments):
        return linear_cross_entropy(2 * arguments[0], *arguments[1:], target).mean()

    expected = torch.autograd.grad(loss(*arguments), arguments)
    compiled = torch.compile(loss, backend='aot_eager')
    assert_close(torch.autograd.grad(compiled(*arguments), arguments), expected)


class TestGala:
    @pytest.mark.parametrize('lambdas', [(1.0, 1.0), (1.2, 0.9), (0.0, 0.0)])
    @pytest.mark.parametrize('kind', ['hard', 'soft'])
    @pytest.mark.parametrize('same', [True, False])
    def test_equals_gala_loss(self, lambdas, kind, same):
        arguments, target = layer(), random_target(kind, N, C)
        theta = shifts()[0].abs()
        phi = theta if same else shifts()[1].abs()
        expected = gala_loss(F.linear(*arguments), target, theta, phi, *lambdas)
        wanted = gradients(expected, arguments)
        for block_bytes in (None, 200):
            loss = gala_linear_loss(
                *arguments, target, theta, phi, *lambdas, block_bytes=block_bytes
            )
            assert_close(loss, expected)
            assert_close(gradients(loss, arguments), wanted)

    def test_eps_counts(self):
        arguments, target = layer(), random_target('hard', N, C)
        theta = shifts()[0].abs()
        expected = gala_loss(F.linear(*arguments), target, theta, theta, eps=0.5)
        loss = gala_linear_loss(*arguments, target, theta, theta, eps=0.5)
        assert_close(loss, expected)

    def test_bad_statistics_are_refused(self):
        arguments, target = layer(), random_target('hard', N, C)
        theta = torch.ones(C)
        with pytest.raises(ValueError, match='`neg_grad`.* but got -1'):
            gala_linear_loss(*arguments, target, theta, -theta)


class TestBadInput:
    @pytest.mark.parametrize(
        ('changed', 'message'),
        [
            (dict(features=torch.zeros(N, D + 1)), r'`features`.*\(7, 4\) and'),
            (dict(features=torch.zeros(N, D, 1)), r'`features`.*\(7, 3, 1\) and'),
            (dict(bias=torch.zeros(C + 1)), r'`bias`.*\(11,\).* got \(12,\)'),
            (dict(target=torch.zeros(N + 1).long()), r'shape \(7,\).* got \(8,\)'),
            (dict(target=torch.full((N,), C)), 'between 0 and 10 .* got 11'),
            (dict(class_bias=torch.zeros(1)), r'`class_bias`.* got \(1,\)'),
            (dict(label_margin=torch.zeros(N)), r'`label_margin`.* got \(7,\)'),
            (dict(block_bytes=0), '`block_bytes`.* got 0'),
            (dict(backend='cuda'), "`backend`.* got 'cuda'"),
        ],
    )
    def test_one_line_says_what(self, changed, message):
        features, weight, bias = layer(torch.float32)
        arguments = dict(features=features, weight=weight, bias=bias,
                         target=random_target('hard', N, C))  # fmt: skip
        with pytest.raises(ValueError, match=message):
            linear_cross_entropy(**{**arguments, **changed})

    def test_soft_labels_with_a_gradient(self):
        target = random_target('soft', N, C).double().requires_grad_()
        with pytest.raises(ValueError, match='detach'):
            linear_cross_entropy(*layer(), target)
