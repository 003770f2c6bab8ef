"""What losses have in common that are cross-entropy on shifted logits."""

from typing import NamedTuple

from torch import Tensor


class LogitAdjustment(NamedTuple):
    """Shifts of the logits: the loss of a sample is cross-entropy on the result.

    See :func:`mmgala.functional.adjusted_cross_entropy`. Both are float32 without a
    gradient, for the current state of the loss: they may change with every step.

    Attributes:
        bias: added to all logits, the label's too, ``(C,)``; ``None`` is 0.
        label_margin: added to the label's logit on top of that, ``(C,)``; ``None``
            is 0.
    """

    bias: Tensor | None = None
    label_margin: Tensor | None = None
