r"""Per-class values that long-tailed losses compute from the training counts.

Symbols: :math:`n_j` training samples of class :math:`j`, C classes.

Every function treats a class without samples like the rarest class that has samples:
all values are finite, and absent classes do not affect the values of the others.
"""

import math

import torch
from torch import Tensor

from mmgala.functional.checks import check_class_vector, check_not_negative

SHAPES = ('concave', 'linear', 'convex')


def fill_absent_classes(class_counts: Tensor) -> Tensor:
    """Replace counts of 0 by the smallest positive count.

    Args:
        class_counts: training samples of each class, ``(C,)``.

    Returns:
        ``(C,)`` float64, all positive.

    Raises:
        ValueError: if the counts are not a vector, not finite, negative, or all 0.
    """
    if class_counts.ndim != 1 or class_counts.numel() == 0:
        raise ValueError(
            'Expected `class_counts` to hold one value per class, but got shape '
            f'{tuple(class_counts.shape)}.'
        )
    counts = class_counts.double()
    check_class_vector('class_counts', counts, counts.numel())
    present = counts > 0
    rarest = torch.where(present, counts, math.inf).min()
    return torch.where(present, counts, rarest)


def log_class_prior(class_counts: Tensor) -> Tensor:
    r"""Logarithm of the class prior, :math:`\log(n_j / \sum_k n_k)`.

    Args:
        class_counts: ``(C,)``.

    Returns:
        ``(C,)`` float64.

    Raises:
        ValueError: see :func:`fill_absent_classes`.

    Examples:
        >>> log_class_prior(torch.tensor([90, 10, 0])).exp()
        tensor([0.9000, 0.1000, 0.1000], dtype=torch.float64)
    """
    return (fill_absent_classes(class_counts) / class_counts.double().sum()).log()


def effective_number_weights(class_counts: Tensor, beta: float = 0.9999) -> Tensor:
    r"""Class weights by the effective number of samples.

    .. math:: w_j \propto \frac{1 - \beta}{1 - \beta^{n_j}}

    scaled to a mean of 1 over the classes that have samples. Source: Cui et al.,
    *Class-Balanced Loss Based on Effective Number of Samples*, CVPR 2019,
    arXiv 1901.05555, sections 3 and 4.

    Args:
        class_counts: ``(C,)``.
        beta: :math:`\beta`, 0 or more and below 1. 0 gives all classes equal weights;
            close to 1, weights are proportional to the inverse counts.

    Returns:
        ``(C,)`` float64.

    Raises:
        ValueError: if ``beta`` is out of range; see also :func:`fill_absent_classes`.

    Examples:
        >>> effective_number_weights(torch.tensor([3, 1]), beta=0.5)  # 1/1.75 and 1
        tensor([0.7273, 1.2727], dtype=torch.float64)
    """
    if not 0 <= beta < 1:
        raise ValueError(f'Expected `beta` to be 0 <= beta < 1, but got {beta}.')
    counts = fill_absent_classes(class_counts)
    if beta == 0:
        return torch.ones_like(counts)
    # 1 - beta^n without the rounding of beta^n next to 1.
    weights = 1 / -torch.expm1(counts * math.log(beta))
    return weights / weights[class_counts > 0].mean()


def ldam_margins(class_counts: Tensor, max_margin: float = 0.5) -> Tensor:
    r"""Margin of each class in label-distribution-aware margin loss.

    .. math:: \Delta_j = K \, n_j^{-1/4}

    with K such that the largest is ``max_margin``. Source: Cao et al., *Learning
    Imbalanced Datasets with Label-Distribution-Aware Margin Loss*, NeurIPS 2019,
    arXiv 1906.07413, section 3.2.

    Args:
        class_counts: ``(C,)``.
        max_margin: margin of the rarest class, in units of the (cosine) logits.

    Returns:
        ``(C,)`` float64.

    Raises:
        ValueError: if ``max_margin`` is negative; see also
            :func:`fill_absent_classes`.

    Examples:
        >>> ldam_margins(torch.tensor([16, 1]))
        tensor([0.2500, 0.5000], dtype=torch.float64)
    """
    check_not_negative('max_margin', max_margin)
    counts = fill_absent_classes(class_counts)
    return max_margin * (counts.min() / counts) ** 0.25


def cloud_sizes(class_counts: Tensor) -> Tensor:
    r"""Size of the Gaussian cloud around each class's logits.

    .. math:: \delta_j = \frac{\log n_{max} - \log n_j}{\log n_{max} - \log n_{min}}

    Source: Li et al., *Long-tailed Visual Recognition via Gaussian Clouded Logit
    Adjustment*, CVPR 2022, arXiv 2305.11733, scaled to a largest size of
    1 as in the authors' code.

    Args:
        class_counts: ``(C,)``.

    Returns:
        ``(C,)`` float64, from 0 (largest class) to 1; zeros if all counts are equal.

    Raises:
        ValueError: see :func:`fill_absent_classes`.

    Examples:
        >>> cloud_sizes(torch.tensor([100, 10, 1]))
        tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
    """
    log_counts = fill_absent_classes(class_counts).log()
    sizes = log_counts.max() - log_counts
    return sizes / sizes.max().clamp(min=torch.finfo(sizes.dtype).tiny)


def smoothing_factors(
    class_counts: Tensor, head: float, tail: float, shape: str = 'concave'
) -> Tensor:
    r"""Smoothing factor of each class in label-aware smoothing.

    With :math:`x_j = (n_j - n_{min}) / (n_{max} - n_{min})`, between ``tail`` and
    ``head`` in proportion to

    .. math:: \sin(x_j \pi / 2), \qquad x_j, \qquad 1 - \cos(x_j \pi / 2)

    for the shapes concave, linear and convex. Source: Zhong et al., *Improving
    Calibration for Long-Tailed Recognition*, CVPR 2021, arXiv 2104.00466, section 3.2.

    Args:
        class_counts: ``(C,)``.
        head: :math:`\epsilon_1`, factor of the largest class, at least 0 and below 1.
        tail: :math:`\epsilon_K`, factor of the smallest class, likewise.
        shape: ``'concave'``, ``'linear'`` or ``'convex'``.

    Returns:
        ``(C,)`` float64; all ``head`` if the counts are equal.

    Raises:
        ValueError: if an argument is out of range; see also
            :func:`fill_absent_classes`.

    Examples:
        >>> smoothing_factors(torch.tensor([9, 5, 1]), 0.3, 0.1, 'linear')
        tensor([0.3000, 0.2000, 0.1000], dtype=torch.float64)
    """
    for name, value in (('head', head), ('tail', tail)):
        if not 0 <= value < 1:
            raise ValueError(
                f'Expected the smoothing of the {name} to be 0 or more and below 1, '
                f'but got {value}.'
            )
    if shape not in SHAPES:
        raise ValueError(f'Expected `shape` to be one of {SHAPES}, but got {shape!r}.')
    counts = fill_absent_classes(class_counts)
    low, high = counts.min(), counts.max()
    share = (counts - low) / (high - low) if high > low else torch.ones_like(counts)
    if shape == 'concave':
        share = (share * math.pi / 2).sin()
    elif shape == 'convex':
        share = 1 - (share * math.pi / 2).cos()
    return tail + (head - tail) * share


def vector_scaling_factors(class_counts: Tensor, gamma: float) -> Tensor:
    r"""Factor on each class's logits in the vector-scaling loss.

    .. math:: \Delta_j = (n_j / n_{max})^\gamma

    Source: Kini et al., *Label-Imbalanced and Group-Sensitive Classification under
    Overparameterization*, NeurIPS 2021, arXiv 2103.01550.

    Args:
        class_counts: ``(C,)``.
        gamma: :math:`\gamma`, 0 or more.

    Returns:
        ``(C,)`` float64, at most 1.

    Raises:
        ValueError: if ``gamma`` is negative; see also :func:`fill_absent_classes`.

    Examples:
        >>> vector_scaling_factors(torch.tensor([100, 1]), gamma=0.5)
        tensor([1.0000, 0.1000], dtype=torch.float64)
    """
    check_not_negative('gamma', gamma)
    counts = fill_absent_classes(class_counts)
    return (counts / counts.max()) ** gamma
