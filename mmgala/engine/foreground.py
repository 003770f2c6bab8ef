"""What a detection head shows its loss besides the classes: background."""

import torch
from torch import Tensor


def check_width(logits: Tensor, num_classes: int) -> None:
    """Check that logits are of C classes and at most two columns of background.

    Raises:
        ValueError: if there are fewer columns, or more.
    """
    extra = logits.shape[1] - num_classes
    if not 0 <= extra <= 2:
        raise ValueError(
            f'The loss gets logits of {logits.shape[1]} columns, but the training set '
            f'has {num_classes} classes, which take as many columns and one or two of '
            'background: set num_classes of the head to that number.'
        )


def without_background(
    grad: Tensor, target: Tensor, scale: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Leave out samples of no class, and columns behind those of the classes.

    Before anything else is computed: of a dense head's anchors few are of a class.

    Args:
        grad: ``(N, K)`` with K of C to C + 2.
        target: class indices ``(N,)``, or soft labels ``(N, K)``.
        scale: of the gradients; a number, or ``(N, 1)`` or ``(N, K)``.
        num_classes: C.

    Returns:
        The three for the F samples of the foreground: ``(F, C)``; ``(F,)`` or
        ``(F, C)``; and a number, ``(F, 1)`` or ``(F, C)``.
    """
    if target.is_floating_point():
        target = target[:, :num_classes]
        of_class = target.sum(dim=1) > 0
    else:
        of_class = (target >= 0) & (target < num_classes)
    rows = torch.nonzero(of_class)[:, 0]
    if scale.ndim:
        scale = scale[rows, :num_classes]
    return grad[rows, :num_classes], target[rows], scale
