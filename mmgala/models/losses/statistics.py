"""Gradient statistics of a loss, over all samples of all ranks."""

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

from mmgala.models.float32_buffers import Float32BuffersMixin


class GradientStatistics(Float32BuffersMixin):
    r"""A loss that accumulates :math:`\theta` and :math:`\phi` while it trains.

    As a rule a batch is summed over the ranks in the forward pass that it belongs to.
    Where a rank may skip that pass, as a detector without proposals does, the others
    would wait for it for ever. After :meth:`defer_reduction` each rank adds its batches
    up in ``pending``, which :class:`mmgala.engine.ReduceStatisticsHook` reduces at the
    end of the step. Then the margins of one step all follow from the steps before it,
    however often the loss is called in it.

    Args:
        num_classes: C.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        pending (Tensor | None): once deferred, :math:`\theta`, :math:`\phi` and samples
            of this rank that are not in the statistics yet, ``(2 C + 1,)``.
    """

    pos_grad: Tensor
    neg_grad: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer('pos_grad', torch.zeros(num_classes))
        self.register_buffer('neg_grad', torch.zeros(num_classes))
        # No buffer: a moving average pairs the buffers of two models by their order.
        self.pending: Tensor | None = None

    def defer_reduction(self, deferred: bool = True) -> None:
        """Leave the sums of a step to :meth:`take_pending`, or no longer do so.

        What an unfinished step had pending is forgotten.
        """
        size = 2 * len(self.pos_grad) + 1
        self.pending = self.pos_grad.new_zeros(size) if deferred else None

    @torch.no_grad()
    def take_pending(self) -> None:
        """Add what is pending, summed over the ranks by now, and have nothing pending.

        Raises:
            RuntimeError: if the reduction is not deferred.
        """
        if self.pending is None:
            raise RuntimeError('Nothing is pending: call `defer_reduction` first.')
        self._add_packed(self.pending)
        self.pending.zero_()

    @torch.no_grad()
    def _accumulate(self, pos: Tensor, neg: Tensor, num_samples: int) -> None:
        """Add a batch of this rank, ``(C,)`` each."""
        if get_world_size() == 1 and self.pending is None:
            self._add(pos, neg, num_samples)
            return
        # One collective, of one shape: labels of another rank may be mixed where these
        # are not.
        packed = torch.cat((pos, neg, pos.new_full((1,), num_samples)))
        if self.pending is not None:
            self.pending += packed
        else:
            all_reduce(packed)
            self._add_packed(packed)

    def _add_packed(self, packed: Tensor) -> None:
        self._add(*packed.split((len(self.pos_grad), len(self.neg_grad), 1)))

    def _add(self, pos: Tensor, neg: Tensor, num_samples: int | Tensor) -> None:
        """Add sums over all ranks."""
        self.pos_grad += pos
        self.neg_grad += neg
