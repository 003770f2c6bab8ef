"""Variants of the GALA loss: the published formula, and what the authors' code does."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mmgala.functional.compensated_sum import compensated_add_
from mmgala.losses.adjustment import LogitAdjustment

if TYPE_CHECKING:
    from mmgala.losses.gala import GALALoss


def _with_lead(strength: float, lead: Tensor | None) -> float | Tensor:
    """A lambda that is 1 as long as labels have no lead."""
    return strength if lead is None else 1 + lead * (strength - 1)


class PaperVariant:
    """The published formula: its margins and the growth of its statistics."""

    note = ''

    def register_state(self, loss: 'GALALoss') -> None:
        """Register the buffers that only this variant has."""

    def adjustment(self, loss: 'GALALoss') -> LogitAdjustment:
        """Margin of each class for samples of other classes, and what its own add.

        Softmax ignores a constant that is added to a whole row. So the margins of the
        paper, and for equal strengths and statistics a bias alone, give the same loss.
        """
        lead = loss.label_lead()
        bias = loss.log_level(loss.pos_grad)
        if loss.lambda_pos != 1:
            bias.mul_(_with_lead(loss.lambda_pos, lead))
        own = loss.lowered_label(lead)
        if loss.lambda_pos != loss.lambda_neg or not loss.theta_is_phi:
            level = loss.log_level(loss.neg_grad)
            level.mul_(_with_lead(loss.lambda_neg, lead)).sub_(bias)
            own = level if own is None else own.add_(level)
        return LogitAdjustment(bias, label_margin=own)

    def increments(
        self, loss: 'GALALoss', pos: Tensor, neg: Tensor, samples: int | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Contribution of a batch with these gradient sums to both statistics."""
        return pos, neg


class OfficialVariant(PaperVariant):
    """The authors' code: one margin for all samples, running sums of running sums."""

    note = 'lambda_neg has no effect'

    def register_state(self, loss: 'GALALoss') -> None:
        """Register the running sums of the batch means, and their low-order parts."""
        for name in ('running_sums', 'running_sums_low'):
            loss.register_buffer(name, torch.zeros(2, loss.num_classes))

    def adjustment(self, loss: 'GALALoss') -> LogitAdjustment:
        """The same margin for samples of the other classes and for its own."""
        return LogitAdjustment(loss.log_level(loss.pos_grad).mul_(loss.lambda_pos))

    def increments(
        self, loss: 'GALALoss', pos: Tensor, neg: Tensor, samples: int | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Running sums of batch means, where a batch spans all ranks."""
        batch_size = pos.new_zeros(1) + samples
        means = torch.stack((pos, neg)) / batch_size.clamp(min=1)
        compensated_add_(loss.running_sums, loss.running_sums_low, means)
        pos, neg = loss.running_sums * (batch_size > 0)  # no step for an empty batch
        return pos, neg


GALA_VARIANTS = dict(paper=PaperVariant(), official=OfficialVariant())
