"""Training of a linear head that never has all logits of a batch."""

from typing import Any

import torch
from mmpretrain.models.losses import CrossEntropyLoss
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.functional.linear_loss import linear_cross_entropy
from mmgala.functional.linear_loss_blocks import BLOCK_BYTES
from mmgala.losses import ClassCountsLoss, ClassificationLoss, LogitAdjustment
from mmgala.losses.base import weight_reduce_loss
from mmgala.losses.gradient_statistics import GradientStatistics
from mmgala.modules.memory import check_memory

Terms = tuple[Tensor, Tensor, Tensor | None]


def check_fused(
    loss: nn.Module, cal_acc: bool, num_classes: int, channels: int
) -> None:
    """Check that a head can train without all logits, before it allocates anything.

    Args:
        loss: its loss.
        cal_acc: whether it computes the accuracy of each batch.
        num_classes: C.
        channels: D.

    Raises:
        ValueError: if the loss is not cross-entropy on shifted logits, the accuracy is
            asked for, or there is less memory than the weights need.
    """
    if cal_acc:
        raise ValueError(
            '`cal_acc=True` needs all logits of a batch, which a head with fused=True '
            'never has: leave `cal_acc` out.'
        )
    fused_adjustment(loss, counted=False)
    weights = 4 * num_classes * channels
    what = f'A classifier of {num_classes:,} classes and {channels:,} channels'
    check_memory(what, weights, torch.device('cpu'), of_ranks=2 * weights)


def fused_adjustment(loss: nn.Module, counted: bool = True) -> LogitAdjustment:
    """Shifts of the logits that make a loss cross-entropy.

    Args:
        loss: any.
        counted: whether class counts must be known, if the loss needs them. If not, its
            form alone is checked where they are unknown.

    Raises:
        ValueError: if it is of another form, or needs class counts that are unknown.
    """
    shifts = None
    if isinstance(loss, ClassCountsLoss) and not counted:
        try:
            shifts = loss.adjustment()
        except ValueError:  # of the right form, but without the counts
            return LogitAdjustment()
    elif isinstance(loss, ClassificationLoss):
        shifts = loss.adjustment()
    elif _is_cross_entropy(loss):
        shifts = LogitAdjustment()
    if shifts is None:
        raise ValueError(
            f'{type(loss).__name__} is not cross-entropy on shifted logits, which '
            'fused=True needs: use GALALoss, BalancedSoftmaxLoss, LogitAdjustmentLoss, '
            "LDAMLoss, ClassBalancedLoss or MMPretrain's CrossEntropyLoss."
        )
    return shifts


def fused_losses(
    head: Any, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
) -> dict[str, Tensor]:
    """Compute what ``head.loss`` returns, and update the statistics of the loss.

    Args:
        head: a linear head.
        feats: features of all stages.
        data_samples: with labels, or with soft labels where the loss has no statistics.
        **kwargs: of the loss, such as ``weight``.

    Raises:
        ValueError: as :func:`fused_adjustment` does; also if the layer ``fc`` is not
            linear, labels are soft and the loss has statistics or, before the first
            step, if there is less memory than the gradient of the weights needs.
    """
    loss, target = head.loss_module, stack_targets(data_samples)
    shifts = fused_adjustment(loss)
    if target.is_floating_point() and isinstance(loss, GradientStatistics):
        raise ValueError(
            f'{type(loss).__name__} has statistics, which need all logits if labels '
            'are soft: train without mixup and CutMix, or with fused=False.'
        )
    features, weight, bias = linear_terms(head.fc, head.pre_logits(feats))
    check_gradient_memory(head)
    each = linear_cross_entropy(
        features, weight, bias, target, shifts.bias, shifts.label_margin
    )
    kwargs = dict(avg_factor=len(target)) | kwargs
    if isinstance(loss, ClassificationLoss):
        return dict(loss=loss.finish(each, target, **kwargs))
    return dict(loss=_cross_entropy(loss, each, target, **kwargs))


def stack_targets(data_samples: list[DataSample]) -> Tensor:
    """Class indices ``(N,)``, or soft labels ``(N, C)`` of batch augmentations."""
    if 'gt_score' in data_samples[0]:
        return torch.stack([sample.gt_score for sample in data_samples])
    return torch.cat([sample.gt_label for sample in data_samples])


def linear_terms(layer: nn.Module, features: Tensor) -> Terms:
    """Features, weights and bias whose linear map is the output of a layer.

    Raises:
        ValueError: if the layer is another than those of this package's heads.
    """
    own: Any = getattr(layer, 'linear_terms', None)
    if own is not None:
        return own(features)
    if type(layer) is nn.Linear:
        return features, layer.weight, layer.bias
    raise ValueError(
        f'fused=True needs a linear layer `fc`, but got {type(layer).__name__}: use '
        'fused=False.'
    )


def check_gradient_memory(head: Any) -> None:
    """Check, once, that there is memory for the gradient of the weights.

    Raises:
        ValueError: if it will not suffice.
    """
    weight = head.fc.weight
    if head.memory_checked or not weight.requires_grad or not torch.is_grad_enabled():
        return
    head.memory_checked = True
    if weight.grad is None:
        what = f'The gradient of {weight.shape[0]:,} class weight vectors'
        needed = weight.nbytes + BLOCK_BYTES
        there = weight.nbytes
        check_memory(what, needed, weight.device, needed + there, there)


def _is_cross_entropy(loss: nn.Module) -> bool:
    """Whether a loss is MMPretrain's cross-entropy of a softmax."""
    plain = isinstance(loss, CrossEntropyLoss) and not (
        loss.use_sigmoid or loss.use_soft
    )
    return plain and loss.class_weight is None


def _cross_entropy(
    loss: CrossEntropyLoss,
    each: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    avg_factor: float | None = None,
    reduction_override: str | None = None,
) -> Tensor:
    """Weight and reduce as MMPretrain's loss does."""
    reduction = reduction_override or loss.reduction
    weight = None if weight is None else weight.float()
    return loss.loss_weight * weight_reduce_loss(each, weight, reduction, avg_factor)
