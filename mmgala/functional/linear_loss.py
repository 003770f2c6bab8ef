r"""Classifier and loss in one, without all logits in memory at once."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.checks import (
    check_choice,
    check_logits_and_target,
    check_margin_arguments,
    check_statistics,
    check_whole,
)
from mmgala.functional.linear_loss_blocks import (
    LinearCrossEntropy,
    accumulation_type,
    plan_blocks,
)
from mmgala.functional.linear_loss_torch import (
    has_linear_cross_entropy,
    suits_torch,
    torch_linear_cross_entropy,
)

BACKENDS = ('auto', 'blocks', 'torch')

Function = TypeVar('Function', bound=Callable[..., Any])
# `torch.compiler.disable` imports the compiler, which takes a second, where a function
# is defined. PyTorch's own functions use one that does so when the function is called.
_outside_graphs: Callable[[Function], Function] = getattr(
    torch, '_disable_dynamo', torch.compiler.disable
)


@_outside_graphs
def linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    class_bias: Tensor | None = None,
    label_margin: Tensor | None = None,
    block_bytes: int | None = None,
    backend: str = 'auto',
) -> Tensor:
    r"""Cross-entropy of a linear layer, in blocks of samples and classes.

    Equal to :func:`adjusted_cross_entropy` on ``F.linear(features, weight, bias)``. At
    no time are all logits in memory: beside the arguments and their gradients there is
    one block. If all logits fit into a block, they are computed once, else twice: the
    backward pass computes each block again.

    In half precision and under autocast, matrix products have half precision, as those
    of a linear layer would; logits, sums, losses and gradients over several blocks are
    float32. ``torch.compile`` does not look into this function (a graph break).

    Args:
        features: ``(N, D)``.
        weight: class weight vectors, ``(C, D)``.
        bias: bias of the layer, ``(C,)``, or ``None``.
        target: class indices ``(N,)``, or soft labels ``(N, C)`` without a gradient.
        class_bias: added to every logit, ``(C,)``; without a gradient.
        label_margin: added to the label's logit, ``(C,)``; without a gradient.
        block_bytes: memory for the logits of a block. Defaults to 64 MiB; what does not
            fit into it is cut into parts of 8 MiB on a CPU.
        backend: ``'blocks'``, those of this package; ``'torch'``,
            ``F.linear_cross_entropy`` of PyTorch 2.13 and later, which cuts the samples
            only; or ``'auto'``: PyTorch's where it is installed and suits the sizes and
            the device, which by its documentation needs D samples or more.

    Returns:
        Unreduced loss, ``(N,)``, float32 or wider.

    Raises:
        ValueError: if shapes do not match, an argument is out of range, the backend is
            not installed or, on the CPU, a label is out of range.
        RuntimeError: in the backward pass, if its gradient is asked for
            (``create_graph=True``).

    Examples:
        >>> features, weight = torch.ones(1, 2), torch.zeros(4, 2)
        >>> linear_cross_entropy(features, weight, None, torch.tensor([3]))  # log(4)
        tensor([1.3863])
    """
    _check(features, weight, bias, target)
    _check_shifts(class_bias, label_margin, len(weight))
    if block_bytes is not None:
        check_whole('block_bytes', block_bytes)
    check_choice('backend', backend, BACKENDS)
    target = target if target.is_floating_point() else target.long()
    dtype = F.linear(features[:0], weight[:1]).dtype  # autocast may choose another
    wide = accumulation_type(dtype)
    offset = (
        weight.new_zeros(len(weight), dtype=wide) if bias is None else bias.to(wide)
    )
    if class_bias is not None:
        offset = offset + class_bias.detach().to(wide)
    margin = None if label_margin is None else label_margin.detach().to(wide)
    if backend == 'torch':
        _check_torch(features, target)
    if backend == 'torch' or (
        backend == 'auto' and suits_torch(features, weight, target)
    ):
        return torch_linear_cross_entropy(
            features, weight, offset, target, margin, block_bytes
        )
    blocks = plan_blocks(features, weight, dtype, block_bytes)
    return LinearCrossEntropy.apply(
        features, weight, offset, target, margin, dtype, blocks
    )


def gala_linear_loss(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    pos_grad: Tensor,
    neg_grad: Tensor,
    lambda_pos: float = 1.0,
    lambda_neg: float = 1.0,
    eps: float = 1e-3,
    block_bytes: int | None = None,
    backend: str = 'auto',
) -> Tensor:
    r"""GALA loss of a linear layer, unreduced, without all logits in memory at once.

    Equal to :func:`gala_loss` on ``F.linear(features, weight, bias)``. With class
    indices, :func:`gradient_sum_from_loss` computes from the result what the batch adds
    to the statistics.

    Args:
        features: ``(N, D)``.
        weight: class weight vectors, ``(C, D)``.
        bias: bias of the layer, ``(C,)``, or ``None``.
        target: class indices ``(N,)`` or soft labels ``(N, C)`` whose rows sum to 1.
        pos_grad: :math:`\theta`, ``(C,)``.
        neg_grad: :math:`\phi`, ``(C,)``.
        lambda_pos: :math:`\lambda_+`.
        lambda_neg: :math:`\lambda_-`.
        eps: :math:`\epsilon`.
        block_bytes: as in :func:`linear_cross_entropy`.
        backend: as in :func:`linear_cross_entropy`.

    Returns:
        Loss of each sample, ``(N,)``, float32 or wider.

    Raises:
        ValueError: as :func:`gala_loss` and :func:`linear_cross_entropy` do.
        RuntimeError: as :func:`linear_cross_entropy` does.

    Examples:
        >>> features, weight = torch.ones(1, 2), torch.zeros(2, 2)
        >>> head, tail = torch.tensor([99.999, 0.999])
        >>> theta = phi = torch.stack([head, tail])
        >>> gala_linear_loss(features, weight, None, torch.tensor([1]), theta, phi)
        tensor([4.6151])
    """
    check_margin_arguments(lambda_pos, lambda_neg, eps)
    check_statistics(pos_grad, neg_grad, len(weight))
    class_bias = lambda_pos * torch.log(pos_grad + eps)
    label_margin = None  # softmax ignores what is added to a whole row
    if lambda_pos != lambda_neg or pos_grad is not neg_grad:
        label_margin = lambda_neg * torch.log(neg_grad + eps) - class_bias
    return linear_cross_entropy(
        features, weight, bias, target, class_bias, label_margin, block_bytes, backend
    )


def _check(
    features: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor
) -> None:
    if features.ndim != 2 or weight.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            'Expected `features` of shape (N, D) and `weight` of shape (C, D), but got '
            f'{tuple(features.shape)} and {tuple(weight.shape)}.'
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ValueError(
            f'Expected `bias` to have shape ({len(weight)},), one value per class of '
            f'`weight`, but got {tuple(bias.shape)}.'
        )
    shape = (len(features), len(weight))
    check_logits_and_target(features.new_zeros(()).expand(shape), target)
    if target.requires_grad:
        raise ValueError(
            'Soft labels get no gradient in blocks, but `target.requires_grad` is '
            'True: pass `target.detach()`.'
        )


def _check_shifts(
    class_bias: Tensor | None, label_margin: Tensor | None, num_classes: int
) -> None:
    for name, value in (('class_bias', class_bias), ('label_margin', label_margin)):
        if value is not None and value.shape != (num_classes,):
            raise ValueError(
                f'Expected `{name}` to have shape ({num_classes},), one value per '
                f'class, but got {tuple(value.shape)}.'
            )


def _check_torch(features: Tensor, target: Tensor) -> None:
    if not has_linear_cross_entropy():
        raise ValueError(
            f"backend='torch' needs F.linear_cross_entropy, which PyTorch "
            f"{torch.__version__} does not have: use backend='blocks'."
        )
    if target.is_floating_point() or features.element_size() < 4:
        kind = 'soft labels' if target.is_floating_point() else str(features.dtype)
        raise ValueError(
            "backend='torch' takes class indices and float32 or float64 only, but got "
            f"{kind}: use backend='blocks'."
        )
