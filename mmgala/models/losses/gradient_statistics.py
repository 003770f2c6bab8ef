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
        count_classes: also count the samples of each class.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        seen (Tensor): samples of each class, ``(C,)`` float32 buffer; only with
            ``count_classes``.
        pending (Tensor | None): once deferred, :math:`\theta`, :math:`\phi` and samples
            of this rank that are not in the statistics yet, ``(2 C + 1,)``, or
            ``(3 C,)`` with ``count_classes``.
    """

    pos_grad: Tensor
    neg_grad: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, count_classes: bool = False) -> None:
        super().__init__()
        self.count_classes = count_classes
        self.register_buffer('pos_grad', torch.zeros(num_classes))
        self.register_buffer('neg_grad', torch.zeros(num_classes))
        if count_classes:
            self.register_buffer('seen', torch.zeros(num_classes))
        # No buffer: a moving average pairs the buffers of two models by their order.
        self.pending: Tensor | None = None

    def defer_reduction(self, deferred: bool = True) -> None:
        """Leave the sums of a step to :meth:`take_pending`, or no longer do so.

        What an unfinished step had pending is forgotten.
        """
        num_classes = len(self.pos_grad)
        size = 2 * num_classes + (num_classes if self.count_classes else 1)
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
    def _accumulate(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        """Add a batch of this rank, ``(C,)`` each.

        ``samples`` is their number, or that of each class with ``count_classes``.
        """
        if get_world_size() == 1 and self.pending is None:
            self._add(pos, neg, samples)
            return
        # One collective, of one shape: labels of another rank may be mixed where these
        # are not.
        if not isinstance(samples, Tensor):
            samples = pos.new_full((1,), samples)
        packed = torch.cat((pos, neg, samples))
        if self.pending is not None:
            self.pending += packed
        else:
            all_reduce(packed)
            self._add_packed(packed)

    def _add_packed(self, packed: Tensor) -> None:
        num_classes = len(self.pos_grad)
        rest = len(packed) - 2 * num_classes
        self._add(*packed.split((num_classes, num_classes, rest)))

    def _add(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        """Add sums over all ranks."""
        if self.count_classes:
            self.seen += samples
        self.pos_grad += pos
        self.neg_grad += neg
