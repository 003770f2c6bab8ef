"""GALA loss with the statistics that it accumulates during training."""

import torch
from torch import Tensor

from mmgala.functional import gradient_sum_from_loss, logit_gradient_sums
from mmgala.functional.checks import (
    capturing,
    check_choice,
    check_margin_arguments,
    check_not_negative,
    check_share,
)
from mmgala.functional.gala import label_gradient
from mmgala.losses.adjustment import LogitAdjustment
from mmgala.losses.gala_variants import GALA_VARIANTS
from mmgala.losses.gradient_statistics import GradientStatistics

OWN_BUFFERS = ('running_sums', 'recent_probability')


class GALALoss(GradientStatistics):
    r"""Gradient-aware logit adjustment loss (arXiv 2403.09036).

    Cross-entropy on logits with margins from two statistics of the training so far,
    :math:`\theta_j` (``pos_grad``: positive gradient that the weight vector of class
    :math:`j` got from its own samples) and :math:`\phi_k` (``neg_grad``: negative
    gradient that class :math:`k`'s samples put on all others). No class-frequency
    file is needed. See :func:`mmgala.functional.gala_margin` for the formula.

    After the margins of a batch are computed, the batch adds its sums to the
    statistics: once per forward in training mode, summed over all ranks, never in
    eval mode or without gradients. Samples that a sampler adds to give all ranks
    equally many train as usual, but are not counted; see
    :class:`mmgala.engine.PaddingHook`. They are float32 whatever the model's type, and
    part of the checkpoint.

    Args:
        num_classes: C, the number of classes.
        lambda_pos: :math:`\lambda_+`, weight of :math:`\log\theta`, 0 or more.
        lambda_neg: :math:`\lambda_-`, weight of :math:`\log\phi`, 0 or more. **It has
            no effect in the official variant**, where softmax cancels it.
        variant: ``'paper'``, the published formula, or ``'official'``, what the
            authors' code computes: :math:`\lambda_+ \log(\theta_j + \epsilon)` on
            every logit, the label's too, and :math:`\theta` a running sum of running
            sums of batch means.
        eps: :math:`\epsilon`.
        count_share: :math:`\alpha`, from 0 to 1. **Not in the paper, and off by
            default.** :math:`\theta` grows with a class's frequency and with its
            difficulty, so that a hard class is treated as a frequent one. With
            :math:`\alpha`, :math:`\theta_j + \epsilon` is replaced by
            :math:`(\theta_j + \epsilon)^{1 - \alpha} (n_j + \epsilon)^\alpha`, where
            :math:`n_j` is the number of samples of class j so far, counted during
            training like the other statistics; likewise for :math:`\phi`. At 1,
            difficulty has no influence, and the loss is balanced softmax on these
            counts. See ``docs/gala_in_practice.md`` for results.
        label_margin: :math:`\kappa`, 0 or more, in units of a logit. **Not in the
            paper, and off by default.** The label's logit is lowered by
            :math:`\kappa \sqrt{e_k / \max_j e_j}`, with :math:`e_k = \theta_k / n_k`
            the mean error of class k so far, and the largest one over the classes with
            samples. Where :math:`\theta` grows with the root
            of the count, this is the margin of LDAM, :math:`n_k^{-1/4}`; a hard class
            gets more than its count says. For logits with an upper limit, as those of
            :class:`mmgala.models.CosineClsHead`; a linear layer only grows to meet it.
            See ``docs/better_gala.md``.
        lead_memory: a number of samples, 0 or more. **Not in the paper, and off by
            default.** With it, what exceeds :math:`\lambda = 1` and no label margin
            grows with the lead of the labels in training,
            :math:`g = \max(0, 2 \bar p - 1)`: :math:`\lambda \to 1 + g (\lambda - 1)`
            and :math:`\kappa \to g \kappa`. :math:`\bar p` is the mean, over the
            classes with samples, of the probability of their label in about the last
            ``lead_memory`` samples of the class. So a network that does not fit its
            training images is not asked for margins. MMEngine's training log shows it
            as ``lead``. See ``docs/better_gala.md``.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices or ``(N, C)`` soft labels (mixup, CutMix).
        - ``weight``: ``(N,)``; applies to the loss and to the statistics, so samples
          of weight 0 do not change the statistics.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        seen (Tensor): :math:`n`, ``(C,)`` float32 buffer, where ``count_share``,
            ``label_margin`` or ``lead_memory`` is not 0.
        recent_probability (Tensor): probability of the label in recent samples of each
            class, ``(C,)`` float32 buffer, where ``lead_memory`` is not 0.

    Raises:
        ValueError: if an argument, a shape or (on the CPU) a label is invalid.

    Examples:
        >>> loss = GALALoss(num_classes=3)
        >>> logits = torch.zeros(2, 3, requires_grad=True)
        >>> loss(logits, torch.tensor([0, 1]))
        tensor(1.0986, grad_fn=<NllLossBackward0>)
        >>> loss.pos_grad
        tensor([0.6667, 0.6667, 0.0000])
    """

    recent_probability: Tensor
    running_sums: Tensor
    running_sums_low: Tensor

    def __init__(
        self,
        num_classes: int,
        lambda_pos: float = 1.0,
        lambda_neg: float = 1.0,
        variant: str = 'paper',
        eps: float = 1e-3,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        count_share: float = 0.0,
        label_margin: float = 0.0,
        lead_memory: float = 0.0,
    ) -> None:
        own = dict(
            count_share=count_share, label_margin=label_margin, lead_memory=lead_memory
        )
        super().__init__(num_classes, reduction, loss_weight, any(own.values()))
        check_choice('variant', variant, tuple(GALA_VARIANTS))
        check_margin_arguments(lambda_pos, lambda_neg, eps)
        check_share('count_share', count_share)
        check_not_negative('label_margin', label_margin)
        check_not_negative('lead_memory', lead_memory)
        if lead_memory and lambda_pos == lambda_neg == 1 and not label_margin:
            raise ValueError(
                f'`lead_memory={lead_memory}` has no effect with lambdas of 1 and no '
                '`label_margin`: set one of them, or leave it out.'
            )
        for name, value in own.items():
            if value and variant == 'official':
                raise ValueError(
                    f"`{name}={value}` is for variant='paper': the official variant "
                    "reproduces the authors' code."
                )
        self.lambda_pos = lambda_pos
        self.lambda_neg = lambda_neg
        self.variant = variant
        self.eps = eps
        self.count_share = count_share
        self.label_margin = label_margin
        self.lead_memory = lead_memory
        if lead_memory:
            self.register_buffer('recent_probability', torch.zeros(num_classes))
        self._variant = GALA_VARIANTS[variant]
        self._variant.register_state(self)

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The sums of the training so far, and buffers of a variant or an option."""
        own = {n: b for n, b in self.named_buffers() if n.startswith(OWN_BUFFERS)}
        return super().statistics | own

    @property
    def eps(self) -> float:
        r""":math:`\epsilon`, keeps the logarithms finite at the start."""
        return self._eps

    @eps.setter
    def eps(self, value: float) -> None:
        self._eps = value
        self._eps_tensor = torch.tensor(value, dtype=torch.float32, device='cpu')

    def adjustment(self) -> LogitAdjustment | None:
        """The margins; with equal strengths and class indices, one for all samples."""
        return self._variant.adjustment(self)

    def observe(self, loss: Tensor, label: Tensor, weight: Tensor | None) -> None:
        """Add a batch with class indices to the statistics."""
        if not self.accumulates:
            return
        loss, label, weight = self.without_padding(loss, label, weight)
        if self.takes_samples and not self.count_classes and self.variant == 'paper':
            self.accumulate_samples(label_gradient(loss, weight), label)
            return
        pos = gradient_sum_from_loss(loss, label, self.num_classes, weight)
        samples = self._count(loss, label, weight)
        self.accumulate(pos, pos, samples)  # theta == phi

    def observe_soft(
        self, adjusted: Tensor, label: Tensor, weight: Tensor | None
    ) -> None:
        """Add a batch with soft labels to the statistics."""
        if self.accumulates:
            rows, label, weight = self.without_padding(adjusted, label, weight)
            sums = logit_gradient_sums(rows, label, weight)
            self.accumulate(*sums, self._count(rows, label, weight))

    def log_level(self, statistic: Tensor) -> Tensor:
        """Logarithm of a statistic, interpolated with that of the counts, ``(C,)``."""
        # Making a tensor of a number takes longer than adding it.
        eps = self.eps if capturing() else self._eps_tensor
        level = (statistic + eps).log_()
        if self.count_share:
            level.lerp_((self.seen + eps).log_(), self.count_share)
        return level

    def label_lead(self) -> Tensor | None:
        """Lead g of the labels by which margins grow; ``None`` without lead_memory."""
        if not self.lead_memory:
            return None
        num_seen = self.seen.count_nonzero().clamp(min=1)
        return (2 * (self.recent_probability.sum() / num_seen) - 1).clamp_(min=0)

    def logged(self) -> dict[str, Tensor]:
        """The lead of the labels as ``lead``, with ``lead_memory``."""
        lead = self.label_lead()
        return {} if lead is None else dict(lead=lead)

    def lowered_label(self, lead: Tensor | None) -> Tensor | None:
        """What ``label_margin`` adds to the label's logit, ``(C,)``, or ``None``.

        Classes without samples so far, whose error is 1, have no part in the largest
        one: a class that never comes would keep the margins of the others small.

        Args:
            lead: see :meth:`label_lead`; ``None`` is the whole margin.
        """
        if not self.label_margin:
            return None
        error = (self.pos_grad + self.eps) / (self.seen + self.eps)
        largest = error.where(self.seen > 0, 0).max()
        lowered = (error / largest).clamp_(max=1).sqrt_().mul_(-self.label_margin)
        return lowered if lead is None else lowered.mul_(lead)

    @torch.no_grad()
    def _count(
        self, values: Tensor, label: Tensor, weight: Tensor | None
    ) -> int | Tensor:
        """Number of samples in the batch, or of each class if ``count_classes``.

        Of the classes, samples without a finite loss are not counted: their gradient
        is not in the sums either, and with an error of 0 they would pass as fitted.

        Args:
            values: loss of each sample, ``(N,)``; with soft labels, the adjusted
                logits, ``(N, C)``.
            label: class indices, or soft labels.
            weight: weight of each sample, or ``None``.
        """
        if not self.count_classes:
            return len(label)
        finite = (values if values.ndim == 1 else values.logsumexp(dim=1)).isfinite()
        counted = finite.float() if weight is None else finite * weight
        if label.is_floating_point():
            return (label.float() * counted[:, None]).sum(dim=0)
        return torch.zeros_like(self.seen).index_add_(0, label.long(), counted)

    def _add(self, pos: Tensor, neg: Tensor, samples: int | Tensor) -> None:
        pos, neg = self._variant.increments(self, pos, neg, samples)
        super()._add(pos, neg, samples)
        if isinstance(samples, Tensor) and self.lead_memory:  # of each class
            kept = torch.exp(-samples / self.lead_memory)
            error = pos / samples.clamp(min=torch.finfo(samples.dtype).tiny)
            recent = (1 - kept) * (1 - error).clamp_(min=0)
            self.recent_probability.mul_(kept).add_(recent)

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        return ', '.join(filter(None, [super().extra_repr(), self._variant.note]))
