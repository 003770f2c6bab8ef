"""Checks that the losses share."""

import math

REDUCTIONS = ('none', 'mean', 'sum')


def check_reduction(reduction: str) -> None:
    """Check the name of a reduction.

    Raises:
        ValueError: if it is none of ``'none'``, ``'mean'`` and ``'sum'``.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(
            f'Expected `reduction` to be one of {REDUCTIONS}, but got {reduction!r}.'
        )


def check_num_classes(num_classes: int) -> None:
    """Check the number of classes of a loss.

    Raises:
        ValueError: if there are fewer than 2.
    """
    if num_classes < 2:
        raise ValueError(
            f'Expected `num_classes` to be 2 or more, but got {num_classes}.'
        )


def check_eps(eps: float) -> None:
    r"""Check the :math:`\epsilon` that keeps a logarithm finite.

    Raises:
        ValueError: if it is not positive.
    """
    if not eps > 0:
        raise ValueError(f'Expected `eps` to be positive, but got {eps}.')


def check_scale(scale: float) -> None:
    """Check the scale of cosine logits.

    Raises:
        ValueError: if it is not positive and finite.
    """
    if not 0 < scale < math.inf:
        raise ValueError(f'Expected `scale` to be positive, but got {scale}.')
