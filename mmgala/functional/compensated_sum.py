"""Long-running sums in float32 that keep growing."""

import torch
from torch import Tensor


@torch.no_grad()
def compensated_add_(total: Tensor, low: Tensor, value: Tensor) -> None:
    """Add to a sum, and keep what rounding cuts off; in place, without a float64.

    A plain float32 sum of numbers below 1 stops growing at 2^24. Here ``total + low``
    has 48 bits: after 1e9 terms of similar size it is right to 1e-6, and ``total`` is
    it to float32 precision. Source: Kahan, *Further remarks on reducing truncation
    errors*, Communications of the ACM 8 (1965).

    Args:
        total: the sum so far, of any shape and floating type.
        low: its low-order part, of the same shape; zeros at the start.
        value: what to add, broadcastable to that shape.

    Examples:
        >>> total, low = torch.tensor([2.0**24]), torch.zeros(1)
        >>> for _ in range(1000):
        ...     compensated_add_(total, low, torch.tensor([0.5]))
        >>> float(total) - 2**24
        500.0
    """
    low.add_(value)
    carry_(total, low)


def carry_(total: Tensor, low: Tensor) -> None:
    """Move from the low-order part of a sum what the sum itself can hold, in place.

    Args:
        total: the sum, see :func:`compensated_add_`.
        low: its low-order part, to which something has been added.
    """
    new = total + low
    # In the buffers themselves: temporaries would cost two allocations more.
    total.sub_(new)
    low.add_(total)  # exact as long as the sum is larger than what is added
    total.copy_(new)
