"""What the candidates' biases and margins are made of: one function for each term."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

EPS = 1e-3
# Samples of a class whose feedback counts half.
PRIOR_SAMPLES = 1.0
LIMIT = 2.0  # of the feedback


def signed_difficulty(errors: Tensor, views: Tensor) -> Tensor:
    r"""Logarithm of the mean error of each class, :math:`\log e_j`, ``(C,)``.

    Subtracted from the bias, it raises hard classes at test time, where GALA's theta
    lowers them.

    Args:
        errors: sum of :math:`1 - p` over the samples of a class, ``(C,)``.
        views: number of those samples, ``(C,)``.
    """
    return torch.log((errors + EPS) / (views + EPS))


def residual_difficulty(errors: Tensor, views: Tensor) -> Tensor:
    r"""Part of :math:`\log \theta_j` that the count does not explain, ``(C,)``.

    .. math:: r_j = y_j - \bar y - s (x_j - \bar x), \qquad
        s = \frac{\sum_j (x_j - \bar x)(y_j - \bar y)}{\sum_j (x_j - \bar x)^2}

    with :math:`x_j = \log n_j` and :math:`y_j = \log \theta_j`. The mean error of
    classes falls with their count, or rises where rare classes are memorised. Neither
    says anything about difficulty, and neither is in the residual.
    """
    x, y = torch.log(views + EPS), torch.log(errors + EPS)
    x, y = x - x.mean(), y - y.mean()
    slope = (x * y).sum() / ((x * x).sum() + EPS)
    return y - slope * x


def theta_margin(errors: Tensor, views: Tensor) -> Tensor:
    r"""Relative margin of each class, :math:`(e_j / \max_k e_k)^{1/2}`, ``(C,)``.

    Where theta grows with the root of the count, it falls as :math:`n_j^{-1/4}`, as
    the margin of LDAM does; a hard class gets more than its count says. Classes
    without samples so far have an error of 1 here; in :class:`mmgala.losses.GALALoss`,
    they have no part in the largest error.
    """
    error = (errors + EPS) / (views + EPS)
    return (error / error.max()).sqrt()


def marginal_feedback(gained: Tensor, lost: Tensor, samples: Tensor) -> Tensor:
    r"""How much too often a class is predicted, :math:`\log C q_j`, ``(C,)``.

    :math:`q` is the mean prediction over samples that have equal weight in each class.
    It is :math:`1 / C` plus the probability that a class gains from the samples of the
    others minus what it loses of its own.

    Args:
        gained: weighted sum of :math:`p_j` over the samples of other classes, ``(C,)``.
        lost: weighted sum of :math:`1 - p_j` over its own samples, ``(C,)``.
        samples: sum of the weights, a scalar.
    """
    surplus = (gained - lost) / (samples / len(gained) + PRIOR_SAMPLES)
    return surplus.clamp(min=-0.9).log1p().clamp(-LIMIT, LIMIT)


def balance_feedback(gained: Tensor, lost: Tensor, samples: Tensor) -> Tensor:
    r"""Ratio of what a class gains to what it loses, :math:`\log g_j / l_j`, ``(C,)``.

    It is 0 in the same state as :func:`marginal_feedback`, but does not vanish with the
    training error: a rare class whose samples are memorised loses little, and gains
    even less.
    """
    ratio = (gained + PRIOR_SAMPLES) / (lost + PRIOR_SAMPLES)
    return ratio.log().clamp(-LIMIT, LIMIT)


def smooth_target(label: Tensor, log_prior: Tensor, smoothing: float) -> Tensor:
    r"""Smoothed labels of equally frequent classes, as a training set shows them.

    .. math:: t_{ij} \propto \pi_j\,((1 - \epsilon)[j = y_i] + \epsilon / C)

    Usual smoothing asks for the same probability of each label, which with a bias of
    :math:`\log n` means a lead in the logits that grows by :math:`\log n_{max} / n_y`:
    the rarest classes are fitted the hardest, and memorised. Here the *balanced*
    posterior is smoothed, and Bayes' rule adds the prior, so each class has the same
    lead, :math:`\log(1 + C (1 - \epsilon) / \epsilon)`.

    Args:
        label: class indices, ``(N,)``.
        log_prior: :math:`\log \pi` up to a constant, ``(C,)``.
        smoothing: :math:`\epsilon`, above 0 and below 1.

    Returns:
        ``(N, C)``, rows sum to 1.
    """
    classes = len(log_prior)
    lead = math.log1p(classes * (1 - smoothing) / smoothing)
    own = F.one_hot(label, classes).to(log_prior.dtype)
    return (log_prior + lead * own).softmax(dim=1)


def share_of_labels(error: Tensor) -> Tensor:
    """Mean probability of the labels, by their mean error."""
    return 1 - error


def squared_share_of_labels(error: Tensor) -> Tensor:
    """Square of it: a poor fit counts less."""
    return (1 - error).square()


def lead_of_labels(error: Tensor) -> Tensor:
    """Probability of the labels minus that of all other classes, at least 0."""
    return (1 - 2 * error).clamp(min=0)


FITS = dict(
    probability=share_of_labels, squared=squared_share_of_labels, lead=lead_of_labels
)
DIFFICULTIES = dict(error=signed_difficulty, residual=residual_difficulty)
FEEDBACKS = dict(marginal=marginal_feedback, balance=balance_feedback)
