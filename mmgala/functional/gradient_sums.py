r"""Logit gradients summed by class, and the sources of negative gradients.

Source of the quantities: Zhang et al., *Gradient-Aware Logit Adjustment Loss for
Long-tailed Classifier*, ICASSP 2024, arXiv 2403.09036, section 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GradientSums:
    r"""Sums over samples i of logit gradients :math:`g_{ij} = \partial l_i / \partial
    z_{ij}`, with targets :math:`t_{ik}`; views of one flat tensor.

    Attributes:
        pos_grad: :math:`\sum_i \max(-g_{ij}, 0)`, positive gradient of class
            weight vector j, ``(C,)``.
        neg_grad: :math:`\sum_i \max(g_{ij}, 0)`, its negative gradient, ``(C,)``.
        given_grad: :math:`\sum_i t_{ik} \sum_j \max(g_{ij}, 0)`, negative gradient
            that the samples of class k give, ``(C,)``.
        samples: :math:`\sum_i t_{ik}`, samples of class k seen, ``(C,)``.
        sources: negative gradient of class weight vector j by the shot group of the
            sample that gives it (many, medium, few), ``(3, C)``.
        matrix: negative gradient by receiver and giver, ``(B, B)``: row, the bin of
            the class weight vector; column, the bin of the sample's class. ``(0, 0)``
            if it is not recorded.
        flat: all of the above, one after the other.
    """  # noqa: D205

    pos_grad: Tensor
    neg_grad: Tensor
    given_grad: Tensor
    samples: Tensor
    sources: Tensor
    matrix: Tensor
    flat: Tensor

    @staticmethod
    def zeros(
        num_classes: int,
        num_bins: int = 0,
        device: torch.device | str = 'cpu',
        dtype: torch.dtype = torch.float32,
    ) -> 'GradientSums':
        """All-zero sums.

        Args:
            num_classes: C, the number of classes.
            num_bins: B, rows and columns of the matrix; 0 for no matrix.
            device: of the tensors.
            dtype: of the tensors.
        """
        sizes = [num_classes] * 4 + [3 * num_classes, num_bins**2]
        flat = torch.zeros(sum(sizes), device=device, dtype=dtype)
        pos_grad, neg_grad, given_grad, samples, sources, matrix = flat.split(sizes)
        return GradientSums(
            pos_grad,
            neg_grad,
            given_grad,
            samples,
            sources.view(3, num_classes),
            matrix.view(num_bins, num_bins),
            flat,
        )

    @torch.no_grad()
    def add(
        self, logit_grad: Tensor, target: Tensor, group: Tensor, bins: Tensor
    ) -> None:
        """Add a batch, in place and without synchronising the device.

        Args:
            logit_grad: gradient of each sample's own loss on its logits, ``(N, C)``.
                Rows that are not finite, as after an overflow, are ignored, and so
                are rows whose target is not a class, such as ``ignore_index``.
            target: class indices ``(N,)`` or soft labels ``(N, C)``.
            group: shot group of each class, 0, 1 or 2, ``(C,)`` int64.
            bins: bin of each class in the matrix, ``(C,)`` int64.
        """
        grad = logit_grad.to(self.flat.dtype)
        counted = grad.sum(dim=1, keepdim=True).isfinite()
        if not target.is_floating_point():
            counted &= ((target >= 0) & (target < grad.shape[1]))[:, None]
        grad = torch.where(counted, grad, 0.0)
        self.pos_grad.add_((-grad).clamp_(min=0).sum(dim=0))
        negative = grad.clamp_(min=0)
        self.neg_grad.add_(negative.sum(dim=0))
        given = negative.sum(dim=1)
        if target.is_floating_point():
            self._add_soft(negative, given, target * counted, group, bins)
        else:
            self._add_hard(negative, given, target.long(), counted, group, bins)

    def _add_hard(
        self,
        negative: Tensor,
        given: Tensor,
        target: Tensor,
        counted: Tensor,
        group: Tensor,
        bins: Tensor,
    ) -> None:
        target = torch.where(counted[:, 0], target, 0)  # their values are 0
        self.given_grad.index_add_(0, target, given)
        self.samples.index_add_(0, target, counted[:, 0].to(given.dtype))
        self.sources.index_add_(0, group[target], negative)
        if len(self.matrix):
            self.matrix.T.index_add_(0, bins[target], self._by_bin(negative, bins))

    def _add_soft(
        self,
        negative: Tensor,
        given: Tensor,
        target: Tensor,
        group: Tensor,
        bins: Tensor,
    ) -> None:
        target = target.to(negative.dtype)
        self.given_grad.add_((target * given[:, None]).sum(dim=0))
        self.samples.add_(target.sum(dim=0))
        # Samples of class k are those of its group: sum the target over each group.
        by_group = target.new_zeros(len(target), 3).index_add_(1, group, target)
        for share, row in zip(by_group.T, self.sources, strict=True):
            # No matrix product: autocast would round it to half precision.
            row.add_((negative * share[:, None]).sum(dim=0))
        if len(self.matrix):
            with torch.autocast(negative.device.type, enabled=False):
                giver = self._by_bin(target, bins)
                self.matrix.add_(self._by_bin(negative, bins).T @ giver)

    def _by_bin(self, values: Tensor, bins: Tensor) -> Tensor:
        """Sum the columns of ``(N, C)`` over each bin, ``(N, B)``."""
        size = len(self.matrix)
        if size == values.shape[1]:  # one class per bin, in any order
            return values.index_select(1, bins.argsort())
        return values.new_zeros(len(values), size).index_add_(1, bins, values)


def frequency_bins(class_counts: Tensor, max_bins: int) -> Tensor:
    """Group classes of similar frequency into bins, most frequent first.

    Args:
        class_counts: training samples of each class, ``(C,)``.
        max_bins: maximum number of bins, 1 or more.

    Returns:
        Bin of each class, ``(C,)`` int64. With at most ``max_bins`` classes, each class
        has its own bin; with more, a bin holds about ``C / max_bins`` classes.

    Raises:
        ValueError: if ``max_bins`` is below 1.

    Examples:
        >>> frequency_bins(torch.tensor([5, 90, 20, 7]), max_bins=2)
        tensor([1, 0, 0, 1])
    """
    if max_bins < 1:
        raise ValueError(f'Expected `max_bins` to be 1 or more, but got {max_bins}.')
    num_classes = len(class_counts)
    rank = torch.empty(num_classes, dtype=torch.int64)
    order = class_counts.argsort(descending=True, stable=True)
    rank[order] = torch.arange(num_classes)
    return rank * min(max_bins, num_classes) // max(num_classes, 1)
