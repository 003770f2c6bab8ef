"""Predictions over classes that ranks share: no rank ever has all scores."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmgala.functional.rebalance import check_enough_samples, check_tau
from mmgala.sharding.shards import ClassShards


def log_normaliser(logits: Tensor, shards: ClassShards) -> Tensor:
    """Logarithm of the softmax's denominator over all classes.

    Args:
        logits: for the classes of this rank, ``(N, C / R)``, float32 or wider.
        shards: shares of the classes.

    Returns:
        ``(N, 1)``, the same on every rank.
    """
    highest = logits.new_full((len(logits), 1), -torch.inf)
    if logits.shape[1]:
        highest = logits.amax(dim=1, keepdim=True)
    highest = shards.all_reduce(highest, 'max')
    total = (logits - highest).exp().sum(dim=1, keepdim=True)
    return highest + shards.all_reduce(total).log()


def top_classes(logits: Tensor, k: int, shards: ClassShards) -> tuple[Tensor, Tensor]:
    """The k most probable classes of each sample.

    Every rank sends its own k best: ``N k`` values in place of ``N C / R``.

    Args:
        logits: for the classes of this rank, ``(N, C / R)``, float32 or wider.
        k: how many classes, at most C.
        shards: shares of the classes.

    Returns:
        Softmax scores ``(N, k)`` in descending order, and class indices ``(N, k)``; the
        same on every rank.
    """
    own = min(k, logits.shape[1])
    values = logits.new_full((len(logits), k), -torch.inf)
    classes = torch.zeros(len(logits), k, dtype=torch.long, device=logits.device)
    if own:
        best = logits.topk(own, dim=1)
        values[:, :own], classes[:, :own] = best.values, best.indices + shards.first
    values, classes = (
        # The rows of rank 0, then of rank 1: side by side instead.
        shards.all_gather(each).view(shards.ranks, len(logits), k).transpose(0, 1)
        .reshape(len(logits), -1)
        for each in (values, classes)
    )  # fmt: skip
    scores, places = values.topk(k, dim=1)
    return (scores - log_normaliser(logits, shards)).exp(), classes.gather(1, places)


def label_ranks(logits: Tensor, label: Tensor, shards: ClassShards) -> Tensor:
    """How many classes are more probable than the label, ``(N,)`` int64.

    A class as probable as the label counts if its index is lower, as in
    :func:`mmgala.functional.sample_outcomes`.

    Args:
        logits: for the classes of this rank, ``(N, C / R)``.
        label: class indices, ``(N,)``, the same on every rank.
        shards: shares of the classes.
    """
    mine, index = shards.own(label)
    own = logits.new_zeros(len(logits), 1)
    if shards.size:
        own = torch.where(mine[:, None], logits.gather(1, index[:, None]), 0)
    own = shards.all_reduce(own)
    classes = torch.arange(shards.size, device=logits.device) + shards.first
    tied = (logits == own) & (classes < label[:, None])
    return shards.all_reduce(((logits > own) | tied).sum(dim=1))


@dataclass
class ShardedClassMass:
    """Sum of the scores of each class of this rank, over all samples so far.

    Attributes:
        shards: shares of the classes.
        mass: ``(C / R,)`` float64.
        samples: number of samples.
    """

    shards: ClassShards
    mass: Tensor
    samples: int = 0

    @classmethod
    def empty(cls, shards: ClassShards) -> 'ShardedClassMass':
        """Nothing seen yet."""
        return cls(shards, torch.zeros(shards.size, dtype=torch.float64))

    def add(self, logits: Tensor) -> None:
        """Add the softmax scores of samples, given the logits of this rank's classes.

        Args:
            logits: ``(N, C / R)``, float32 or wider.
        """
        scores = (logits - log_normaliser(logits, self.shards)).exp()
        self.mass = self.mass.to(logits.device) + scores.sum(0, dtype=torch.float64)
        self.samples += len(logits)

    def bias(self, tau: float) -> Tensor:
        r"""What re-balancing adds to the logits of this rank's classes, ``(C / R,)``.

        The share of a class is that among all classes; see
        :func:`mmgala.functional.log_prior_adjustment`.

        Args:
            tau: strength, from 0 to 1000.

        Raises:
            ValueError: if ``tau`` is out of range, or there are fewer samples than
                classes.
        """
        check_enough_samples(self.samples, self.shards.num_classes)
        check_tau(tau)
        total = self.shards.all_reduce(self.mass.sum().reshape(1))
        share = self.mass * (self.shards.num_classes / total)
        return -tau * share.clamp(min=torch.finfo(torch.float32).tiny).log()
