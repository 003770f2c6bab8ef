"""GALA with other statistics, for the study of its behaviour.

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
    """GALA with different sums of statistics, for class indices and one process.

    Args:
        num_classes: number of classes C.
        decay: factor of the sums at each step, which limits their memory to about
            ``1 / (1 - decay)`` steps. 1 gives the sums of GALA.
        double_sum: whether to sum the running sums again, as in the authors' code.
        skip_steps: number of first steps that do not change the statistics, and thus
            train with cross-entropy.
        **kwargs: passed to :class:`GALALoss`.
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
