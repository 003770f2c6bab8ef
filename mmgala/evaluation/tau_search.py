"""Choose the strength of re-balancing on validation data."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmgala.functional import rebalance
from mmgala.functional.checks import check_logits_and_target
from mmgala.functional.rebalance import check_enough_samples, check_target_prior

TAU_GRID = tuple(step / 10 for step in range(31))
# Values re-balanced at once, 16 MB: the scores of a large set fill the memory already.
CHUNK = 2**22


@dataclass(frozen=True)
class TauSearch:
    """Result of :func:`search_tau`.

    Attributes:
        tau: the chosen strength.
        taus: all strengths tried.
        accuracies: accuracy of each, in percent.
    """

    tau: float
    taus: tuple[float, ...]
    accuracies: tuple[float, ...]

    def __str__(self) -> str:
        lines = ['tau   accuracy on validation data (%)']
        low, high = min(self.accuracies), max(self.accuracies)
        for tau, accuracy in zip(self.taus, self.accuracies, strict=True):
            bar = '#' * round(30 * (accuracy - low) / max(high - low, 1e-9))
            mark = '  <- chosen' if tau == self.tau else ''
            lines.append(f'{tau:4.2f}  {accuracy:6.2f}  {bar}{mark}')
        return '\n'.join(lines)


def search_tau(
    scores: Tensor,
    target: Tensor,
    taus: Sequence[float] = TAU_GRID,
    target_prior: Tensor | None = None,
) -> TauSearch:
    r"""Choose ``tau`` by accuracy on labelled validation data.

    Validation samples are weighted to stand for the test set's classes: sample i of
    class k counts :math:`\pi_k / n_k`, in the class mass and in the accuracy. With a
    balanced prior that is the mean accuracy of the classes, also where the
    validation set itself is not balanced.

    Args:
        scores: softmax scores of the validation set, ``(N, C)``.
        target: its labels, ``(N,)``.
        taus: strengths to try.
        target_prior: :math:`\pi`, class shares of the test set, ``(C,)`` with sum 1.
            Defaults to balanced.

    Returns:
        The best strength, of equals the smallest, and the whole curve.

    Raises:
        ValueError: if there are fewer samples than classes, or labels or prior do
            not fit the scores.
    """
    num_samples, num_classes = scores.shape
    check_enough_samples(num_samples, num_classes)
    check_logits_and_target(scores, target)
    if target_prior is None:
        share = torch.full((num_classes,), 1 / num_classes, dtype=torch.float64)
    else:
        check_target_prior(target_prior, num_classes)
        share = target_prior.double()
    support = target.bincount(minlength=num_classes)
    weight = (share / support.clamp(min=1))[target]
    rows = max(1, CHUNK // num_classes)
    parts = list(
        zip(scores.split(rows), target.split(rows), weight.split(rows), strict=True)
    )
    class_mass = torch.zeros(num_classes, dtype=torch.float64)
    for part, _, share_of in parts:
        class_mass += share_of @ part.double()
    hits = torch.zeros(len(taus), dtype=torch.float64)
    for part, labels, share_of in parts:
        for index, tau in enumerate(taus):
            predicted = rebalance(part, tau, class_mass, target_prior).argmax(dim=1)
            hits[index] += share_of @ (predicted == labels).double()
    accuracies = (100 * hits / weight.sum()).tolist()
    best = max(accuracies) - 1e-9  # equals may differ by the rounding of their sums
    tau = min(t for t, a in zip(taus, accuracies, strict=True) if a >= best)
    return TauSearch(tau, tuple(taus), tuple(accuracies))
