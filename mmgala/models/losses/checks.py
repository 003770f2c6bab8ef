"""Checks that the losses share."""

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
