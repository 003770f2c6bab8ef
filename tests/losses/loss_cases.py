"""All losses that are called like MMPretrain's, and known properties of each.

A new loss needs one row in ``CASES``; every test of the battery then runs on it.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgala import functional as mf
from mmgala import losses
from mmgala.losses import ClassCountsLoss, GALALoss, LDAMLoss, SeesawLoss
from tests.batches import random_logits, random_target
from tests.losses import gala_functions
from tests.reference import equalization_numpy
from tests.reference import long_tailed_losses_numpy as reference

COUNTS = [500, 300, 100, 60, 40, 0]
NUM_CLASSES = len(COUNTS)


@dataclass(frozen=True)
class LossCase:
    """A loss, and the arguments with which it equals cross-entropy in theory.

    Attributes:
        loss: its class.
        function: loss of each sample from the module's buffers and arguments.
        formula: the same by NumPy, from logits, soft labels and class counts; ``None``
            for a loss that does not take counts.
        arguments: what it is built with; not the defaults, so that all count.
        strength_0: with these it is cross-entropy, whatever the counts; ``None`` where
            it never is.
        balanced: with these it is cross-entropy when all classes are alike; ``None``
            where it is not.
        constant_factors: with these no part of the formula passes on no gradient.
        reweighting: whether deferred re-weighting is on.
        soft: whether it takes soft labels.
    """

    loss: type[nn.Module]
    function: Callable[[nn.Module, Tensor, Tensor], Tensor]
    formula: Callable[[np.ndarray, np.ndarray, list[int]], np.ndarray] | None = None
    arguments: dict = field(default_factory=dict)
    strength_0: dict | None = None
    balanced: dict | None = None
    constant_factors: dict = field(default_factory=dict)
    reweighting: bool = False
    soft: bool = True

    @property
    def counted(self) -> bool:
        """Whether it needs class counts."""
        return issubclass(self.loss, ClassCountsLoss)

    def build(self, counts: list[int] | None = COUNTS, **changes: object) -> nn.Module:
        """Loss with as many classes as counts, or without counts if there are none."""
        arguments = {**self.arguments, **changes}
        if self.counted:
            arguments['class_counts'] = counts
        loss = self.loss(len(counts or COUNTS), **arguments)
        if isinstance(loss, LDAMLoss):
            loss.reweighting = self.reweighting
        return loss

    def warmed_up(self, **changes: object) -> nn.Module:
        """Loss after one batch, for losses with statistics."""
        loss = self.build(**changes)
        logits = random_logits(40, NUM_CLASSES, seed=8).requires_grad_()
        loss(logits, random_target('hard', 40, NUM_CLASSES - 1, seed=9))
        return loss


def seeded(loss: nn.Module, *args: Tensor, **kwargs: object) -> Tensor:
    """Call a copy of the loss, with the same draws and the same state every time."""
    torch.manual_seed(3)
    return copy.deepcopy(loss)(*args, **kwargs)


def unreduced(loss: nn.Module, *args: Tensor) -> Tensor:
    """Loss of each sample; see :func:`seeded`."""
    return seeded(loss, *args, reduction_override='none')


def _vector_scaling(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    return mf.vector_scaling_loss(z, t, m.factors, m.offsets)


def _ldam(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    loss = mf.label_margin_loss(z, t, m.margins)
    return loss * m.class_weights[t] if m.reweighting else loss


def _class_balanced(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    return F.cross_entropy(z, t, weight=m.class_weights.to(z.dtype), reduction='none')


def _focal(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    signs = 2 * F.one_hot(t, z.shape[1]) - 1  # probability of the truth: sigmoid(s z)
    loss = -F.logsigmoid(signs * z) * torch.sigmoid(-signs * z) ** m.gamma
    return loss.sum(dim=1) * m.class_weights[t]


def _gcl(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    normal = torch.empty(z.shape).normal_(std=1 / 3)
    cloud = normal.abs().clamp(max=1) * m.noise_scale * m.cloud_sizes
    loss = mf.clouded_loss(z, t, m.scale * cloud, m.scale * m.margin)
    return (1 - (-loss.detach()).exp()) ** m.gamma * loss


def _seesaw(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    seen = m.seen + t.bincount(minlength=len(m.seen))
    return mf.seesaw_loss(z, t, seen, m.p, m.q, m.eps)


def _equalization(m: nn.Module, z: Tensor, t: Tensor) -> Tensor:
    return mf.equalization_loss(z, t, (torch.rand(z.shape) < m.ignore_prob) & m.tail)


def _ldam_reweighted_formula(z: np.ndarray, t: np.ndarray, n: list) -> np.ndarray:
    weights = reference.effective_number_weights(n, 0.99)
    return reference.weight_samples(
        reference.ldam(z, t, n, 0.4, 10), t, reference.mean_over_samples(weights, n)
    )


def _class_balanced_formula(
    plain: Callable[..., np.ndarray], *strengths: float
) -> Callable:
    def formula(z: np.ndarray, t: np.ndarray, n: list) -> np.ndarray:
        weights = reference.effective_number_weights(n, 0.99)
        return reference.weight_samples(plain(z, t, *strengths), t, weights)

    return formula


def _smoothing_formula(official: bool) -> Callable:
    return lambda z, t, n: reference.label_aware_smoothing(
        z, t, n, 0.4, 0.1, 'concave', official
    )


def _gcl_formula(gamma: float) -> Callable:
    def formula(z: np.ndarray, t: np.ndarray, n: list) -> np.ndarray:
        torch.manual_seed(3)  # the draws of `seeded`
        normal = torch.empty(z.shape).normal_(std=1 / 3).double().numpy()
        return reference.gcl(z, t, n, normal, 0.3, 0.1, 10, gamma)

    return formula


def _equalization_formula(z: np.ndarray, t: np.ndarray, n: list) -> np.ndarray:
    torch.manual_seed(3)  # the draws of `seeded`
    beta = (torch.rand(z.shape) < 0.7).numpy()
    return equalization_numpy.equalization_loss(z, t, beta, np.array(n) / sum(n), 0.1)


CASES = dict(
    # A constant on all logits cancels.
    balanced_softmax=LossCase(
        losses.BalancedSoftmaxLoss,
        lambda m, z, t: mf.logit_adjusted_loss(z, t, m.log_prior),
        reference.balanced_softmax,
        balanced={},
    ),
    logit_adjustment=LossCase(
        losses.LogitAdjustmentLoss,
        lambda m, z, t: mf.logit_adjusted_loss(z, t, m.log_prior, m.tau),
        lambda z, t, n: reference.logit_adjustment(z, t, n, 1.3),
        dict(tau=1.3),
        strength_0=dict(tau=0),
        balanced={},
    ),
    # All factors are 1.
    vector_scaling=LossCase(
        losses.VectorScalingLoss,
        _vector_scaling,
        lambda z, t, n: reference.vector_scaling(z, t, n, 0.2, 1.3),
        dict(gamma=0.2, tau=1.3),
        strength_0=dict(gamma=0, tau=0),
        balanced={},
    ),
    # With equal counts, each class has the largest margin.
    ldam=LossCase(
        LDAMLoss,
        _ldam,
        lambda z, t, n: reference.ldam(z, t, n, 0.4, 10),
        dict(max_margin=0.4, scale=10.0),
        strength_0=dict(max_margin=0),
    ),
    # All weights are 1.
    ldam_reweighted=LossCase(
        LDAMLoss,
        _ldam,
        _ldam_reweighted_formula,
        dict(max_margin=0.4, scale=10.0, beta=0.99),
        strength_0=dict(max_margin=0, beta=0),
        balanced=dict(max_margin=0),
        reweighting=True,
    ),
    class_balanced=LossCase(
        losses.ClassBalancedLoss,
        _class_balanced,
        _class_balanced_formula(reference.cross_entropy),
        dict(beta=0.99),
        strength_0=dict(beta=0),
        balanced={},
    ),
    # Of sigmoids: never cross-entropy of a softmax.
    class_balanced_focal=LossCase(
        losses.ClassBalancedFocalLoss,
        _focal,
        _class_balanced_formula(reference.focal, 1.5),
        dict(beta=0.99, gamma=1.5),
    ),
    # With equal counts, all classes are smoothed like the largest.
    label_aware_smoothing=LossCase(
        losses.LabelAwareSmoothingLoss,
        lambda m, z, t: mf.smoothed_cross_entropy(z, t, m.smoothing),
        _smoothing_formula(official=True),
        dict(smooth_head=0.4, smooth_tail=0.1),
        strength_0=dict(smooth_head=0, smooth_tail=0),
        balanced=dict(smooth_head=0),
    ),
    label_aware_smoothing_paper=LossCase(
        losses.LabelAwareSmoothingLoss,
        lambda m, z, t: mf.smoothed_cross_entropy(z, t, m.smoothing, False),
        _smoothing_formula(official=False),
        dict(smooth_head=0.4, smooth_tail=0.1, variant='paper'),
        strength_0=dict(smooth_head=0, smooth_tail=0),
        balanced=dict(smooth_head=0),
    ),
    # The largest class has no cloud.
    gcl=LossCase(
        losses.GCLLoss,
        _gcl,
        _gcl_formula(gamma=0.0),
        dict(noise_scale=0.3, margin=0.1, scale=10.0),
        strength_0=dict(noise_scale=0, margin=0),
        balanced=dict(margin=0),
    ),
    # As in the second stage of its authors.
    gcl_focal=LossCase(
        losses.GCLLoss,
        _gcl,
        _gcl_formula(gamma=1.5),
        dict(noise_scale=0.3, margin=0.1, scale=10.0, gamma=1.5),
        strength_0=dict(noise_scale=0, margin=0, gamma=0),
        balanced=dict(margin=0, gamma=0),
        constant_factors=dict(gamma=0),
        soft=False,
    ),
    # Classes that were seen equally often do not spare each other.
    seesaw=LossCase(
        SeesawLoss,
        _seesaw,
        arguments=dict(p=0.7, q=1.5),
        strength_0=dict(p=0, q=0),
        balanced=dict(q=0),
        constant_factors=dict(q=0),
        soft=False,
    ),
    # No class is below the threshold.
    equalization=LossCase(
        losses.EqualizationLoss,
        _equalization,
        _equalization_formula,
        dict(ignore_prob=0.7, tail_threshold=0.1),
        strength_0=dict(ignore_prob=0),
        balanced={},
    ),
    # With theta == phi the same for all, both margins cancel.
    gala=LossCase(
        GALALoss,
        gala_functions.plain,
        arguments=dict(lambda_pos=1.2, lambda_neg=0.9),
        strength_0=dict(lambda_pos=0, lambda_neg=0),
        balanced=dict(lambda_neg=1.2),
    ),
    # Margins that are the same for all classes cancel.
    gala_official=LossCase(
        GALALoss,
        gala_functions.official,
        arguments=dict(lambda_pos=1.2, lambda_neg=0.9, variant='official'),
        strength_0=dict(lambda_pos=0),
        balanced={},
    ),
    gala_counts=LossCase(
        GALALoss,
        gala_functions.with_counts,
        arguments=dict(lambda_pos=1.2, lambda_neg=0.9, count_share=0.3),
        strength_0=dict(lambda_pos=0, lambda_neg=0),
        balanced=dict(lambda_neg=1.2),
    ),
    gala_label_margin=LossCase(
        GALALoss,
        gala_functions.with_label_margin,
        arguments=dict(
            lambda_pos=1.2, lambda_neg=1.2, count_share=1.0, label_margin=0.8
        ),
        strength_0=dict(lambda_pos=0, lambda_neg=0, label_margin=0),
        balanced=dict(label_margin=0),
    ),
    gala_lead=LossCase(
        GALALoss,
        gala_functions.with_lead,
        arguments=dict(
            lambda_pos=1.2,
            lambda_neg=1.2,
            count_share=1.0,
            label_margin=0.8,
            lead_memory=10.0,
        ),
        strength_0=dict(lambda_pos=0, lambda_neg=0, label_margin=0, lead_memory=0),
        balanced=dict(label_margin=0),
    ),
)


def names(condition: Callable[[LossCase], bool] = lambda case: True) -> list[str]:
    """Names of the cases for which a condition holds."""
    return [name for name, case in CASES.items() if condition(case)]
