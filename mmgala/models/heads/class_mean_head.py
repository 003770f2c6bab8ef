"""Classifier by the distance of centred and normalised features to class means."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgala.models.heads.base import LongTailedClsHead
from mmgala.models.heads.cosine_head import unit_vectors
from mmgala.registry import MODELS


class ClassMeanLinear(nn.Linear):
    r"""Linear layer on features that are centred and scaled to length 1.

    .. math:: z = W x' + b, \qquad x' = \frac{x - \mu}{\|x - \mu\|}

    With :math:`w_j = 2 m_j` and :math:`b_j = -\|m_j\|^2`, logits are
    :math:`1 - \|x' - m_j\|^2`: the largest is that of the nearest mean. This is not a
    linear function of x, as :math:`m_j \cdot x'` depends on the length of
    :math:`x - \mu`, but :math:`\|m_j\|^2` does not.

    Args:
        in_features: D.
        out_features: C.

    Shape:
        - Input: ``(N, D)``.
        - Output: ``(N, C)``.

    Attributes:
        center (Tensor): :math:`\mu`, ``(D,)`` buffer, part of the checkpoint.
    """

    center: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer('center', torch.zeros(in_features))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        return F.linear(unit_vectors(x - self.center), self.weight, self.bias)


@MODELS.register_module()
class ClassMeanClsHead(LongTailedClsHead):
    """Classification head with a :class:`ClassMeanLinear` layer.

    ``tools/retrain_classifier.py --method ncm`` writes its config and weights: the
    nearest-class-mean classifier of Kang et al., ICLR 2020, arXiv 1910.09217.

    Args:
        num_classes: C.
        in_channels: D, channels of the incoming feature.
        loss: config of the loss. Defaults to cross-entropy.
        **kwargs: of :class:`LongTailedClsHead`.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: dict | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, loss, **kwargs)
        self.fc = ClassMeanLinear(in_channels, num_classes)
