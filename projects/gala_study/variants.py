"""GALA with other statistics: what the study of its behaviour compares.

None of these is part of the library. A config makes them available with
``custom_imports = dict(imports=['projects.gala_study.variants'])``.
"""

from typing import Any

import torch
from torch import Tensor

from mmgala.models import GALALoss
from mmgala.registry import MODELS


@MODELS.register_module()
class StudiedGALALoss(GALALoss):
    """GALA whose statistics are summed in other ways; class indices, one process.

    Args:
        num_classes: C.
        decay: of the sums at every step: an exponential moving sum that forgets what
            lies more than ``1 / (1 - decay)`` steps back. 1 is GALA's sum.
        double_sum: sum the running sums once more, as the authors' code does.
        skip_steps: steps that leave the statistics alone; they train by cross-entropy.
        **kwargs: of :class:`GALALoss`.
    """

    running: Tensor

    def __init__(
        self,
        num_classes: int,
        decay: float = 1.0,
        double_sum: bool = False,
        skip_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self.decay = decay
        self.double_sum = double_sum
        self.skip_steps = skip_steps
        self.steps = 0
        self.register_buffer('running', torch.zeros(num_classes))

    @torch.no_grad()
    def accumulate(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        self.steps += 1
        if self.steps <= self.skip_steps:
            pos = torch.zeros_like(pos)
        elif self.double_sum:
            self.running += pos
            pos = self.running.clone()
        super().accumulate(pos, pos, samples)  # theta == phi

    def _add(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        self.pos_grad.mul_(self.decay)
        self.neg_grad.mul_(self.decay)
        super()._add(pos, neg, samples)
