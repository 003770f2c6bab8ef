"""Base class of losses that accumulate gradient statistics over all ranks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mmgala.functional.checks import capturing
from mmgala.functional.compensated_sum import compensated_add_
from mmgala.losses.base import ClassificationLoss
from mmgala.losses.training_statistics import LOW
from mmgala.modules.ranks import all_reduce, world_size


class GradientStatistics(ClassificationLoss):
    r"""A loss that accumulates :math:`\theta` and :math:`\phi` during training.

    By default, the sums of a batch are reduced over the ranks in the forward pass.
    Where a rank may skip that pass, as a detector without proposals, the other ranks
    would wait for it forever. After :meth:`defer_reduction`, each rank adds its batches
    to ``pending``, which :class:`mmgala.engine.ReduceStatisticsHook` reduces at the end
    of the step. All margins of a step then depend on earlier steps alone, however often
    the loss is called in it.

    The sums are compensated, so that they are right to 1e-6 after 1e9 single samples;
    see :func:`mmgala.functional.compensated_sum.compensated_add_`.

    Args:
        num_classes: C, the number of classes.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.
        count_classes: whether to count the samples of each class, too.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        seen (Tensor): samples of each class, ``(C,)`` float32 buffer; only with
            ``count_classes``.
        pos_grad_low, neg_grad_low, seen_low (Tensor): what the rounding of the buffers
            above has cut off, ``(C,)`` float32 buffers.
        sees_whole_batch (bool): whether every rank passes the samples of all ranks, so
            that nothing is summed over them; see :mod:`mmgala.sharding`.
        pending (Tensor | None): once deferred, :math:`\theta`, :math:`\phi` and samples
            of this rank that are not in the statistics yet, ``(2 C + 1,)``, or
            ``(3 C,)`` with ``count_classes``.
    """

    pos_grad: Tensor
    neg_grad: Tensor
    seen: Tensor

    def __init__(
        self,
        num_classes: int,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        count_classes: bool = False,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        self.count_classes = count_classes
        names = ['pos_grad', 'neg_grad', *(['seen'] if count_classes else [])]
        self._sum_names = [*names, *(f'{name}_low' for name in names)]
        for name in self._sum_names:
            self.register_buffer(name, torch.zeros(num_classes))
        # Not a buffer: a moving average pairs the buffers of two models by their order.
        self.pending: Tensor | None = None
        self._frozen = False
        self.sees_whole_batch = False
        self._alike = True  # whether both sums are known to be the same
        self._versions = self._versions_now()

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The sums of the training so far."""
        return {name: getattr(self, name) for name in self._sum_names}

    @property
    def theta_is_phi(self) -> bool:
        """Whether both sums are known to be equal.

        They are as long as all labels are class indices. If something else has changed
        them, they are compared, for which the host waits for the device once. Sums over
        several ranks count as different: each rank knows its own labels only.
        """
        if self._alike and not capturing() and self._versions != self._versions_now():
            pos, neg = self.pos_grad, self.neg_grad
            self._set_alike(not pos.is_meta and torch.equal(pos, neg))
        return self._alike

    def _set_alike(self, alike: bool) -> None:
        if self._alike != alike:
            self._alike = alike
        if not capturing():
            # Not by the module's own way of setting attributes, which takes longer than
            # an operation on a few classes.
            self.__dict__['_versions'] = self._versions_now()

    def _versions_now(self) -> tuple[int, ...]:
        """Numbers that change when a sum is written to, or replaced."""
        buffers: dict[str, Any] = self._buffers
        pos, neg = buffers['pos_grad'], buffers['neg_grad']
        return id(pos), pos._version, id(neg), neg._version

    @torch.no_grad()
    def reset_statistics(self) -> None:
        """Start the statistics again, as in a new module."""
        super().reset_statistics()
        self._set_alike(True)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._alike, self._versions = True, ()  # unknown

    def _apply(self, *args: Any, **kwargs: Any) -> 'GradientStatistics':
        alike = self.theta_is_phi
        super()._apply(*args, **kwargs)
        self._set_alike(alike)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """State for a copy, with an answer to :attr:`theta_is_phi`."""
        self._set_alike(self.theta_is_phi)
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The copy's sums are as equal as those it was copied from."""
        super().__setstate__(state)
        self._set_alike(self._alike)

    def defer_reduction(self, deferred: bool = True) -> None:
        """Start or stop deferring the reduction to :meth:`take_pending`.

        Sums of an unfinished step are discarded.
        """
        num_classes = len(self.pos_grad)
        size = 2 * num_classes + (num_classes if self.count_classes else 1)
        self.pending = self.pos_grad.new_zeros(size) if deferred else None

    @torch.no_grad()
    def take_pending(self) -> None:
        """Add ``pending``, by now summed over the ranks, and reset it.

        Raises:
            RuntimeError: if the reduction is not deferred.
        """
        if self.pending is None:
            raise RuntimeError('Nothing is pending: call `defer_reduction` first.')
        self._add_packed(self.pending)
        self.pending.zero_()

    @contextmanager
    def frozen(self, frozen: bool = True) -> Iterator[None]:
        """Context in which the statistics are not updated, even in training.

        Args:
            frozen: ``False`` changes nothing, also within another such context.
        """
        before, self._frozen = self._frozen, self._frozen or frozen
        try:
            yield
        finally:
            self._frozen = before

    @property
    def accumulates(self) -> bool:
        """Whether a forward pass adds to the statistics."""
        return self.training and torch.is_grad_enabled() and not self._frozen

    @property
    def takes_samples(self) -> bool:
        """Whether :meth:`accumulate_samples` may be called."""
        if self.pending is not None or not self.theta_is_phi:
            return False
        return self.sees_whole_batch or world_size() == 1

    def accumulate_samples(self, grad: Tensor, label: Tensor) -> None:
        """Add the samples of a batch to both sums, in few operations.

        Args:
            grad: minus the contribution of each sample, ``(N,)`` float32, detached.
            label: class indices, ``(N,)``.
        """
        buffers: dict[str, Any] = self._buffers  # attributes of a module are slower
        total, low = buffers['pos_grad'], buffers['pos_grad_low']
        other, other_low = buffers['neg_grad'], buffers['neg_grad_low']
        low.index_add_(0, label.long(), grad, alpha=-1)
        # As in `carry_`; the other sum still has the total before the batch.
        total.add_(low)
        low.add_(other.sub_(total))
        other.copy_(total)
        other_low.copy_(low)
        self._set_alike(True)

    @torch.no_grad()
    def accumulate(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        r"""Add the sums of a batch of this rank.

        Args:
            pos: contribution to :math:`\theta`, ``(C,)``.
            neg: contribution to :math:`\phi`, ``(C,)``; the same tensor as ``pos``
                where both are equal.
            samples: number of samples; with ``count_classes``, of each class, ``(C,)``.
        """
        alone = self.sees_whole_batch or world_size() == 1
        if alone and self.pending is None:
            alike = neg is pos and self.theta_is_phi
            self._add(pos, neg, samples)
            self._set_alike(alike)
            return
        # One collective of a fixed shape: labels may be soft on one rank and hard on
        # another.
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
        self._set_alike(False)

    def _add(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        """Add sums that are reduced over all ranks.

        Each buffer has memory of its own. Views of one tensor would take half the
        time, but libraries that save by safetensors drop all views but one.
        """
        sums: dict[str, Any] = dict(pos_grad=pos, neg_grad=neg)
        if self.count_classes:
            sums['seen'] = samples
        for name, added in sums.items():
            compensated_add_(getattr(self, name), getattr(self, name + LOW), added)
