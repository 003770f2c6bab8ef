"""GALA with other statistics: what the study of its behaviour compares.

None of these is part of the library. A config gets at them by
``custom_imports = dict(imports=['gala_variants'])`` with this folder on the path.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mmgala.functional import gradient_sum_from_loss, margin_cross_entropy
from mmgala.models import GALALoss
from mmgala.registry import MODELS


@MODELS.register_module()
class StudiedGALALoss(GALALoss):
    r"""GALA whose margins follow from other statistics; class indices, one process.

    Args:
        num_classes: C.
        decay: of the sums at every step: an exponential moving sum that forgets what
            lies more than ``1 / (1 - decay)`` steps back. 1 is GALA's sum.
        double_sum: sum the running sums once more, as the authors' code does.
        skip_steps: steps that leave the statistics alone; they train by cross-entropy.
        count_share: share of :math:`\log n_j` in the place of
            :math:`\log \theta_j`, with :math:`n_j` the samples of class j seen so far.
        **kwargs: of :class:`GALALoss`.
    """

    seen: Tensor
    running: Tensor

    def __init__(
        self,
        num_classes: int,
        decay: float = 1.0,
        double_sum: bool = False,
        skip_steps: int = 0,
        count_share: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.decay = decay
        self.double_sum = double_sum
        self.skip_steps = skip_steps
        self.count_share = count_share
        self.steps = 0
        self.register_buffer('seen', torch.zeros(num_classes))
        self.register_buffer('running', torch.zeros(num_classes))

    def _loss(
        self, cls_score: Tensor, label: Tensor
    ) -> tuple[Tensor, Callable[[Tensor | None], tuple[Tensor, Tensor]]]:
        share = self.count_share
        level = (1 - share) * torch.log(self.pos_grad + self.eps)
        if share:
            level += share * torch.log(self.seen + self.eps)
        margins = self.lambda_pos * level, self.lambda_neg * level  # theta == phi
        loss = margin_cross_entropy(cls_score, label, *margins)

        def sums(weight: Tensor | None) -> tuple[Tensor, Tensor]:
            self.steps += 1
            pos = gradient_sum_from_loss(loss, label, self.num_classes, weight)
            if self.steps <= self.skip_steps:
                return torch.zeros_like(pos), torch.zeros_like(pos)
            self.seen.mul_(self.decay)
            self.seen += label.bincount(minlength=self.num_classes)
            if self.double_sum:
                self.running += pos
                pos = self.running.clone()
            return pos, pos

        return loss, sums

    def _add(self, pos: Tensor, neg: Tensor, num_samples: int | Tensor) -> None:
        self.pos_grad.mul_(self.decay)
        self.neg_grad.mul_(self.decay)
        super()._add(pos, neg, num_samples)
