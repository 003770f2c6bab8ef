"""Heads on features of length 1: cosine classifier, and distance to class means."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgala.functional.checks import check_positive
from mmgala.functional.gala import upcast_half
from mmgala.models.heads.linear_heads import LongTailedClsHead
from mmgala.registry import MODELS


class CosineLinear(nn.Linear):
    r"""Cosine between features and class weight vectors, times a scale.

    .. math:: z_j = s \, \frac{w_j^\top x}{\|w_j\| \|x\|}

    Args:
        in_features: D, the width of the features.
        out_features: C, the number of classes.
        scale: :math:`s`.

    Shape:
        - Input: ``(N, D)``.
        - Output: ``(N, C)``, between ``-scale`` and ``scale``; 0 for a feature of 0.
    """

    def __init__(self, in_features: int, out_features: int, scale: float) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.scale = scale

    def reset_parameters(self) -> None:
        """Draw random unit vectors."""
        nn.init.normal_(self.weight)
        with torch.no_grad():
            self.weight.copy_(F.normalize(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits."""
        return self.scale * F.linear(unit_vectors(x), unit_vectors(self.weight))

    def linear_terms(self, x: Tensor) -> tuple[Tensor, Tensor, None]:
        """Features, weights and bias of the linear layer that gives the logits."""
        return self.scale * unit_vectors(x), unit_vectors(self.weight), None

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        return f'{super().extra_repr()}, scale={self.scale}'


def unit_vectors(vectors: Tensor) -> Tensor:
    """Scale vectors ``(..., D)`` to length 1; zero vectors stay 0."""
    # In float32, as half precision overflows in squares and rounds `eps` to 0.
    return F.normalize(upcast_half(vectors), eps=1e-6).to(vectors.dtype)


@MODELS.register_module()
class CosineClsHead(LongTailedClsHead):
    r"""Classification head whose logits are scaled cosines.

    Class weight vectors of equal norm cannot favour frequent classes by it. LDAM and
    GCL are designed for this head. Source: Gidaris and Komodakis, *Dynamic Few-Shot
    Visual Learning without Forgetting*, CVPR 2018, arXiv 1804.09458; for long tails,
    Cao et al., NeurIPS 2019, arXiv 1906.07413.

    Args:
        num_classes: C, the number of classes.
        in_channels: D, channels of the incoming feature.
        scale: :math:`s`, factor on the cosines.
        loss: config of the loss. Defaults to cross-entropy.
        **kwargs: of :class:`LongTailedClsHead`.

    Raises:
        ValueError: if ``scale`` is not positive, or head and loss disagree about it or
            about the number of classes.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        scale: float = 30.0,
        loss: dict | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        check_positive('scale', scale)
        # CosineLinear initialises its own weight.
        kwargs.setdefault('init_cfg', None)
        super().__init__(num_classes, in_channels, loss, **kwargs)
        loss_scale = getattr(self.loss_module, 'scale', scale)
        if loss_scale != scale:
            raise ValueError(
                f'The head has scale={scale}, but its loss scale={loss_scale}: set '
                'both to the same value, as margins are in units of the cosine.'
            )
        self.fc = CosineLinear(in_channels, num_classes, scale)


class ClassMeanLinear(nn.Linear):
    r"""Linear layer on features that are centred and scaled to length 1.

    .. math:: z = W x' + b, \qquad x' = \frac{x - \mu}{\|x - \mu\|}

    With :math:`w_j = 2 m_j` and :math:`b_j = -\|m_j\|^2`, logits are
    :math:`1 - \|x' - m_j\|^2`: the largest is that of the nearest mean. This is not a
    linear function of x, as :math:`m_j \cdot x'` depends on the length of
    :math:`x - \mu`, but :math:`\|m_j\|^2` does not.

    Args:
        in_features: D, the width of the features.
        out_features: C, the number of classes.

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
        return F.linear(*self.linear_terms(x))

    def linear_terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features, weights and bias of the linear layer that gives the logits."""
        return unit_vectors(x - self.center), self.weight, self.bias


@MODELS.register_module()
class ClassMeanClsHead(LongTailedClsHead):
    """Classification head that predicts the nearest class mean.

    ``mmgala retrain --method ncm`` writes its config and weights: the
    nearest-class-mean classifier of Kang et al., ICLR 2020, arXiv 1910.09217.

    Args:
        num_classes: C, the number of classes.
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
