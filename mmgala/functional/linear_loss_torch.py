r"""PyTorch's own linear layer and cross-entropy in one, from PyTorch 2.13 on.

It cuts the samples, never the classes, so each block of samples goes over all weights.
That suits many samples and few classes. On a CPU, with PyTorch 2.14 and 64 or 256
samples of 256 features and 50,000 classes, it took 1.2 times as long as a linear layer
and cross-entropy with 64 MiB for a block, as the blocks of this package did with 8 MiB;
with the sizes that it chooses itself, 13 to 18 times.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgala.functional.linear_loss_blocks import BLOCK_BYTES


def has_linear_cross_entropy() -> bool:
    """Whether the installed PyTorch has ``F.linear_cross_entropy`` with its options."""
    return hasattr(F, 'linear_cross_entropy') and hasattr(
        torch.nn, 'LinearCrossEntropyOptions'
    )


def suits_torch(features: Tensor, weight: Tensor, target: Tensor) -> bool:
    """Whether PyTorch's own function is the better choice.

    By its documentation, it gains from D samples or more, and more than D classes. In
    half precision it returns losses that are rounded, from which no statistics follow.
    """
    return (
        has_linear_cross_entropy()
        and features.device.type != 'cpu'
        and features.dtype == weight.dtype == F.linear(features[:0], weight[:1]).dtype
        and features.dtype in (torch.float32, torch.float64)
        and not target.is_floating_point()
        and len(features) >= features.shape[1] < len(weight)
    )


def torch_linear_cross_entropy(
    features: Tensor,
    weight: Tensor,
    offset: Tensor,
    target: Tensor,
    label_margin: Tensor | None,
    block_bytes: int | None,
) -> Tensor:
    """Unreduced loss by ``F.linear_cross_entropy``.

    Args:
        features: ``(N, D)``.
        weight: ``(C, D)``.
        offset: ``(C,)``, added to every logit.
        target: class indices ``(N,)``, int64.
        label_margin: ``(C,)``, added to the label's logit.
        block_bytes: memory for the logits of a block; one sample is the least.

    Returns:
        ``(N,)``.
    """
    limit = BLOCK_BYTES if block_bytes is None else block_bytes
    rows = max(1, limit // (features.element_size() * len(weight)))
    options = torch.nn.LinearCrossEntropyOptions(  # type: ignore[attr-defined]
        batch_chunk_size=min(rows, max(1, len(features)))
    )
    loss = F.linear_cross_entropy(  # type: ignore[attr-defined]
        features, weight, target, linear_bias=offset.to(features.dtype),
        reduction='none', options=options,
    )  # fmt: skip
    return loss if label_margin is None else with_margin(loss, label_margin[target])


def with_margin(loss: Tensor, margin: Tensor) -> Tensor:
    r"""Cross-entropy after the label's logit is raised, from the loss before that.

    .. math::
        l' = l - \delta + \log(1 - p + p \, e^\delta)
           = \log(1 + e^{\log(e^l - 1) - \delta}), \qquad p = e^{-l}

    Args:
        loss: :math:`l`, ``(N,)``.
        margin: :math:`\delta` of each sample, ``(N,)``.

    Returns:
        ``(N,)``.
    """
    loss = loss.clamp(min=torch.finfo(loss.dtype).tiny)  # 0 has no logarithm
    # Log-sum-exp of the other logits less the label's: a margin is subtracted from it.
    others = loss + torch.log(-torch.expm1(-loss))
    return F.softplus(others - margin)
