"""PyTorch's own linear layer and loss in one, which PyTorch has from 2.13 on.

With an older release, a stand-in with its exact signature takes its place: it computes
all logits, so these tests are about the choice and the arguments, not about memory.
"""

import inspect
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

import mmgala.functional.linear_loss_torch as own
from mmgala.functional import adjusted_cross_entropy, linear_cross_entropy
from tests.batches import random_target

N, C, D = 7, 11, 3
INSTALLED = own.has_linear_cross_entropy()


@dataclass(frozen=True)
class Options:
    """The options of PyTorch 2.13 and 2.14."""

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = 'auto'
    acc_policy: str = 'auto'
    acc_dtype: torch.dtype | None = None


@pytest.fixture
def calls(monkeypatch):
    """Keyword arguments of all calls of PyTorch's function, or of the stand-in."""
    found = []
    original = F.linear_cross_entropy if INSTALLED else None

    def linear_cross_entropy(
        input, linear_weight, target, *, linear_bias=None, weight=None,
        reduction='mean', ignore_index=None, label_smoothing=0.0, options=None,
    ):  # fmt: skip
        found.append(dict(linear_bias=linear_bias, reduction=reduction,
                          options=options))  # fmt: skip
        if original is not None:
            return original(input, linear_weight, target, **found[-1])
        logits = F.linear(input, linear_weight, linear_bias)
        return F.cross_entropy(logits, target, reduction=reduction)

    if original is not None:
        stand_in = inspect.signature(linear_cross_entropy).parameters
        assert list(inspect.signature(original).parameters) == list(stand_in)
    else:
        monkeypatch.setattr(torch.nn, 'LinearCrossEntropyOptions', Options,
                            raising=False)  # fmt: skip
    monkeypatch.setattr(F, 'linear_cross_entropy', linear_cross_entropy, raising=False)
    return found


def layer(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = (N, D), (C, D), (C,)
    return tuple(
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in shapes
    )


@pytest.mark.parametrize('scale', [1, 5, 30])
@pytest.mark.parametrize('shifted', [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_equals_all_logits_with_any_margin(calls, scale, shifted):
    arguments, target = layer(), random_target('hard', N, C)
    generator = torch.Generator().manual_seed(1)
    vectors = scale * torch.randn((2, C), generator=generator, dtype=torch.float64)
    vectors = [v if on else None for v, on in zip(vectors, shifted, strict=True)]
    expected = adjusted_cross_entropy(F.linear(*arguments), target, *vectors)
    loss = linear_cross_entropy(*arguments, target, *vectors, backend='torch')
    assert len(calls) == 1
    assert_close(loss, expected)
    found, wanted = (torch.autograd.grad(x.sum(), arguments) for x in (loss, expected))
    assert_close(found, wanted)


def test_block_is_cut_by_samples(calls):
    arguments, target = layer(), random_target('hard', N, C)
    linear_cross_entropy(*arguments, target, block_bytes=3 * 8 * C, backend='torch')
    linear_cross_entropy(*arguments, target, block_bytes=1, backend='torch')
    linear_cross_entropy(*arguments, target, backend='torch')
    assert [call['options'].batch_chunk_size for call in calls] == [3, 1, N]
    assert {call['reduction'] for call in calls} == {'none'}


def test_on_a_cpu_the_blocks_of_this_package_are_chosen(calls):
    linear_cross_entropy(*layer(), random_target('hard', N, C))
    assert not calls


def test_what_suits_pytorch(calls):
    def suits(samples=8, features=4, classes=9, dtype=torch.float32, soft=False):
        target = torch.zeros(samples, dtype=torch.float32 if soft else torch.long)
        return own.suits_torch(
            torch.empty(samples, features, dtype=dtype, device='meta'),
            torch.empty(classes, features, dtype=dtype, device='meta'),
            target,
        )

    assert suits()
    assert not suits(samples=3)  # fewer than features
    assert not suits(classes=4)
    assert not suits(dtype=torch.bfloat16)
    assert not suits(soft=True)


def test_without_pytorch_s_function_it_is_refused(calls, monkeypatch):
    monkeypatch.delattr(F, 'linear_cross_entropy')
    assert not own.has_linear_cross_entropy()
    message = rf"needs F.linear_cross_entropy.*{torch.__version__[:4]}.*'blocks'"
    with pytest.raises(ValueError, match=message):
        linear_cross_entropy(*layer(), random_target('hard', N, C), backend='torch')


def test_soft_labels_and_half_precision_are_refused(calls):
    with pytest.raises(ValueError, match="soft labels: use backend='blocks'"):
        linear_cross_entropy(*layer(), random_target('soft', N, C), backend='torch')
    with pytest.raises(ValueError, match="bfloat16: use backend='blocks'"):
        linear_cross_entropy(
            *layer(torch.bfloat16), random_target('hard', N, C), backend='torch'
        )


@pytest.mark.parametrize('loss', [1e-9, 1e-4, 0.7, 20.0, 100.0])
@pytest.mark.parametrize('margin', [-25.0, -1.0, 0.0, 1.0, 25.0, 120.0])
def test_margin_from_the_loss_alone(loss, margin):
    """Identity (b): the logit of the label against that of one other class."""
    exact = torch.tensor(loss, dtype=torch.float64)
    others = torch.log(torch.expm1(exact))  # label 0: loss = log(1 + e^others)
    expected = torch.log1p(torch.exp(others - margin))
    for dtype in (torch.float64, torch.float32):
        value = exact.to(dtype).requires_grad_()
        found = own.with_margin(value, torch.tensor(margin, dtype=dtype))
        assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
        (grad,) = torch.autograd.grad(found, value)
        assert grad.isfinite()
