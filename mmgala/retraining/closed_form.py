r"""Classifiers computed from features or weights, without training.

Symbols: :math:`w_j` is the vector of class j, a row of the weight ``(C, D)``;
:math:`b_j` its bias; x a feature. Source of all methods: Kang et al., *Decoupling
Representation and Classifier for Long-Tailed Recognition*, ICLR 2020 (arXiv
1910.09217), section 4.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmgala.evaluation.strength_search import TauSearch, choose_tau
from mmgala.functional.rebalance import check_target_prior, check_tau
from mmgala.models.heads.normalised_heads import unit_vectors
from mmgala.retraining.features import Features
from mmgala.utils.chunks import row_slices

DISTANCES = ('cl2n', 'euclidean', 'cosine')
NORM_TAUS = tuple(step / 10 for step in range(21))  # as in the authors' code
# Bias of a class that is never predicted; unlike -inf, times 0 it is not NaN.
NEVER_PREDICTED = torch.finfo(torch.float32).min


def check_distance(distance: str) -> None:
    """Check the name of a distance."""
    if distance not in DISTANCES:
        raise ValueError(
            f'Expected `distance` to be one of {DISTANCES}, but got {distance!r}.'
        )


def feature_chunks(features: Features, width: int) -> Iterator[tuple[slice, Tensor]]:
    """Iterate over features in order, in chunks of rows.

    Args:
        features: ``(N, D)``.
        width: number of values that are computed for each sample.

    Yields:
        Slice of rows, and their features ``(n, D)``.
    """
    for rows in row_slices(len(features), max(width, features.shape[1])):
        yield rows, torch.as_tensor(features[rows])


class ClassMeans(NamedTuple):
    """A nearest-class-mean classifier; logits are ``F.linear(x, weight, bias)``.

    Attributes:
        weight: ``(C, D)``.
        bias: ``(C,)``.
        center: mean of the training features, ``(D,)``, if features are first centred
            by it and scaled to length 1; ``None`` if they are used unchanged.
    """

    weight: Tensor
    bias: Tensor
    center: Tensor | None


def nearest_class_mean(
    features: Features,
    labels: np.ndarray | Tensor,
    num_classes: int,
    distance: str = 'cl2n',
) -> ClassMeans:
    r"""Nearest class mean (NCM).

    * ``'cl2n'``, as in the authors' command (``--knn``, in their code
      ``feat_type='cl2n'`` and ``dist_type='l2'``): features are centred by the mean of
      all training samples and scaled to length 1, class means :math:`m_j` are means of
      these :math:`x'`, and the class with the smallest Euclidean distance is predicted.
      It has the largest :math:`2 m_j \cdot x' - |m_j|^2`, which
      :class:`mmgala.models.ClassMeanClsHead` computes.
    * ``'euclidean'``: the smallest Euclidean distance of unchanged features, that is
      the largest :math:`2 m_j \cdot x - |m_j|^2`, a linear layer.
    * ``'cosine'``: the largest cosine of unchanged features, that is the largest
      :math:`(m_j / |m_j|) \cdot x`, a linear layer.

    Only the order of the logits is meaningful; their softmax does not estimate
    probabilities.

    A class without samples has no mean and is never predicted: its vector is 0 and its
    bias the lowest float32 value, so that its score is 0.

    Args:
        features: of the training set, ``(N, D)``.
        labels: ``(N,)``.
        num_classes: C, the number of classes.
        distance: one of the above.

    Returns:
        Weight, bias and center, float32.

    Raises:
        ValueError: if the distance is unknown.
    """
    check_distance(distance)
    labels = torch.as_tensor(labels)
    counts = labels.bincount(minlength=num_classes)
    sums = _class_sums(features, labels, num_classes)
    center = None
    if distance == 'cl2n':
        center = sums.sum(dim=0) / len(labels)
        sums = _class_sums(features, labels, num_classes, center)
    means = sums / counts.clamp(min=1)[:, None]
    if distance == 'cosine':
        weight = torch.nn.functional.normalize(means)
        bias = torch.zeros(num_classes, dtype=torch.float64)
    else:
        weight, bias = 2 * means, -means.square().sum(dim=1)
    bias = bias.float().masked_fill_(counts == 0, NEVER_PREDICTED)
    return ClassMeans(weight.float(), bias, None if center is None else center.float())


def _class_sums(
    features: Features, labels: Tensor, num_classes: int, center: Tensor | None = None
) -> Tensor:
    """Sum of each class's features, ``(C, D)`` float64.

    Args:
        features: ``(N, D)``.
        labels: ``(N,)``.
        num_classes: C, the number of classes.
        center: ``(D,)``; if given, features are centred by it and scaled to length 1.
    """
    sums = torch.zeros(num_classes, features.shape[1], dtype=torch.float64)
    for part, rows in feature_chunks(features, features.shape[1]):
        values = rows.double()
        if center is not None:
            values = unit_vectors(values - center)
        sums.index_add_(0, labels[part], values)
    return sums


def tau_normalize(weight: Tensor, tau: float) -> Tensor:
    r""":math:`\tau`-normalised class weight vectors, :math:`w_j / |w_j|^\tau`.

    There is no bias, as in the paper. With :math:`\tau = 0`, only the bias is removed;
    with :math:`\tau = 1` only the directions matter.

    Args:
        weight: ``(C, D)``.
        tau: :math:`\tau`, 0 or more.

    Returns:
        ``(C, D)``; a vector of norm 0 stays 0.

    Raises:
        ValueError: if ``tau`` is negative or not finite.

    Examples:
        >>> tau_normalize(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), tau=1.0)
        tensor([[0.6000, 0.8000],
                [0.0000, 1.0000]])
    """
    return weight / _norms(weight, tau)[:, None]


def _norms(weight: Tensor, tau: float) -> Tensor:
    r""":math:`|w_j|^\tau`, ``(C,)``; 1 for a vector of norm 0."""
    check_tau(tau)
    norms = weight.norm(dim=1)
    return torch.where(norms > 0, norms, torch.ones_like(norms)) ** tau


def search_norm_tau(
    features: Features,
    labels: np.ndarray | Tensor,
    weight: Tensor,
    taus: Sequence[float] = NORM_TAUS,
    target_prior: Tensor | None = None,
) -> TauSearch:
    r"""Choose :math:`\tau` by accuracy on validation data.

    Args:
        features: of the validation set, ``(N, D)``.
        labels: ``(N,)``.
        weight: of the trained classifier, ``(C, D)``.
        taus: strengths to try.
        target_prior: class shares of the data to predict, ``(C,)`` with sum 1, by which
            the accuracies of the classes are weighted. Defaults to equal weights.

    Returns:
        The best strength (the smallest in a tie) and the whole curve. Classes
        without validation samples are ignored.

    Raises:
        ValueError: if ``target_prior`` is invalid, or 0 for all validation samples.
    """
    labels = torch.as_tensor(labels)
    support = labels.bincount(minlength=len(weight))
    if target_prior is None:
        share = 1 / support.clamp(min=1).double()[labels] / int((support > 0).sum())
    else:
        share = _sample_weights(labels, support, target_prior)
    norms = [_norms(weight, tau) for tau in taus]
    hits = torch.zeros(len(taus), dtype=torch.float64)
    for part, rows in feature_chunks(features, len(weight)):
        products = rows @ weight.T
        for index, norm in enumerate(norms):
            predicted = (products / norm).argmax(dim=1)
            hits[index] += share[part] @ (predicted == labels[part]).double()
    return choose_tau(taus, (100 * hits).tolist())


def _sample_weights(labels: Tensor, support: Tensor, target_prior: Tensor) -> Tensor:
    """Weight of each sample, ``(N,)`` float64 with sum 1, for given class shares."""
    check_target_prior(target_prior, len(support))
    share = (target_prior.double() / support.clamp(min=1))[labels]
    if not bool(share.any()):
        raise ValueError(
            'No tau can be chosen: `target_prior` is 0 for every class of the '
            'validation set.'
        )
    return share / share.sum()
