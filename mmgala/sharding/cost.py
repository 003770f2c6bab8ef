"""What a step with shared-out classes costs: memory and bytes sent, by arithmetic."""

from dataclasses import dataclass, replace

from mmgala.sharding.sampling import drawn_classes
from mmgala.sharding.shards import ClassShards

FLOAT32, INT64 = 4, 8  # bytes
# Of GALA, for each class: two sums with their low-order parts, and in a step its margin
# and two vectors on the way to it.
STATISTICS = (4 + 3) * FLOAT32


@dataclass(frozen=True)
class StepCost:
    """Memory and communication of the classifier and its loss, for the largest rank.

    The backbone, its activations and the all-reduce of its gradients are not in it.

    Args:
        num_classes: C, the number of classes of all ranks.
        num_features: D, the width of the features.
        batch: samples of each rank.
        ranks: R, the number of ranks.
        feature_bytes: bytes of a feature or a logit as the layer computes it: 4, or 2
            with mixed precision. Weights and the softmax are float32.
        optimizer_states: tensors that the optimizer keeps for each parameter: 0 for
            SGD, 1 with momentum, 2 for Adam.
        rate: share of the classes that a step draws; see
            :func:`mmgala.sharding.sample_classes`.

    Examples:
        >>> cost = StepCost(10_000_000, 512, 64, 64)
        >>> round(cost.memory() / 1e9, 1), round(cost.bytes_sent() / 1e6, 1)
        (5.8, 16.6)
    """

    num_classes: int
    num_features: int
    batch: int
    ranks: int = 1
    feature_bytes: int = FLOAT32
    optimizer_states: int = 1
    rate: float = 1.0

    @property
    def share(self) -> int:
        """Number of classes of the first rank, which has most."""
        return ClassShards(self.num_classes, self.ranks).size

    @property
    def samples(self) -> int:
        """Samples of all ranks in a step."""
        return self.batch * self.ranks

    @property
    def columns(self) -> int:
        """Classes of a rank that a step computes logits for."""
        return drawn_classes(self.share, self.rate, self.samples)

    def parts(self) -> dict[str, int]:
        """Bytes of a rank at the peak of a step, by what they are for."""
        weights = self.share * (self.num_features + 1) * FLOAT32
        features = self.samples * self.num_features * self.feature_bytes
        one = self.samples * self.columns
        # The peak is where the exponentials are alive with the logits, or (backward)
        # with their gradient; or later, with that gradient and the weights' alone.
        softmax = one * 2 * FLOAT32
        half = one * self.feature_bytes if self.feature_bytes < FLOAT32 else 0
        logits = softmax + half
        gradient = one * self.feature_bytes + features  # of the logits
        if self.rate == 1:
            later = gradient + weights
        else:  # first with the weights that were drawn and their gradient
            drawn = self.columns * (self.num_features + 1) * FLOAT32
            later = max(gradient + 2 * drawn, features + drawn + weights)
        return dict(
            weights=weights,
            optimizer=self.optimizer_states * weights,
            statistics=self.share * STATISTICS,
            features=features,
            logits=logits,
            gradient=max(0, later - logits),
        )

    def memory(self) -> int:
        """Bytes of a rank at the peak of a step."""
        return sum(self.parts().values())

    def collectives(self) -> list[tuple[str, int]]:
        """Operations over the ranks in a step, and bytes of the result or sum."""
        if self.ranks == 1:
            return []
        features = self.samples * self.num_features * self.feature_bytes
        return [
            ('all_gather', features),
            ('all_gather', self.samples * INT64),  # labels
            ('all_reduce', self.samples * FLOAT32),  # highest logits
            ('all_reduce', 2 * self.samples * FLOAT32),  # sums, logits at the labels
            ('reduce_scatter', features),  # their gradient
        ]

    def bytes_sent(self) -> int:
        """Bytes that a rank sends in a step, by ring algorithms."""
        return sum(ring_bytes(name, size, self.ranks) for name, size in
                   self.collectives())  # fmt: skip

    def unsharded_bytes_sent(self) -> int:
        """Bytes that a rank sends if every rank has all classes: their gradient."""
        weights = self.num_classes * (self.num_features + 1) * FLOAT32
        return ring_bytes('all_reduce', weights, self.ranks)


def ring_bytes(operation: str, size: int, ranks: int) -> int:
    """Bytes that each rank sends in a ring.

    Args:
        operation: ``'all_gather'``, ``'reduce_scatter'`` or ``'all_reduce'``.
        size: bytes of the whole tensor.
        ranks: R, the number of ranks.
    """
    rounds = 2 if operation == 'all_reduce' else 1
    return rounds * size * (ranks - 1) // ranks


def enough_ranks(
    cost: StepCost,
    available: float,
    limit: int = 65536,
    weights_alone: bool = False,
) -> int | None:
    """Smallest power of two of ranks whose step fits into memory.

    Args:
        cost: of a step.
        available: bytes for each rank.
        limit: no more ranks than this.
        weights_alone: whether only the weights have to fit.

    Returns:
        The number, or ``None`` if no number up to ``limit`` is enough: the logits of a
        rank need ``batch x C`` values however many ranks there are.
    """
    ranks = 1
    while ranks <= min(limit, cost.num_classes):
        more = replace(cost, ranks=ranks)
        if _needed(more, weights_alone) <= available:
            return ranks
        ranks *= 2
    return None


def check_memory(cost: StepCost, available: float, weights_alone: bool = False) -> None:
    """Check, before the first step, that a rank's share fits into its memory.

    Args:
        cost: of a step.
        available: bytes that a rank has for it in total.
        weights_alone: whether only the weights have to fit.

    Raises:
        ValueError: if it does not; with the number of ranks that would be enough.
    """
    needed = _needed(cost, weights_alone)
    if needed <= available:
        return
    ranks = enough_ranks(cost, available, weights_alone=weights_alone)
    if ranks:
        remedy = f'{ranks} ranks with as much memory each would be enough'
    elif weights_alone:
        remedy = 'no number of ranks is enough: use fewer input channels'
    else:
        remedy = (
            'no number of ranks is enough for this batch: use smaller batches, or '
            '`negative_rate`'
        )
    what = 'for their weights' if weights_alone else f'at {cost.batch} samples a rank'
    raise ValueError(
        f'{cost.num_classes} classes on {cost.ranks} ranks need {needed / 1e9:.3g} GB '
        f'on each rank, of which {available / 1e9:.3g} GB are available, {what}: '
        f'{remedy}.'
    )


def _needed(cost: StepCost, weights_alone: bool) -> int:
    return cost.parts()['weights'] if weights_alone else cost.memory()
