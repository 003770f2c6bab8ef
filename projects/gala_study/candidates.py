r"""Candidates for a better GALA, which need no class counts either.

With equal lambdas, GALA is balanced softmax on :math:`n_j e_j` instead of the count
:math:`n_j`, where :math:`e_j` is the mean error :math:`1 - p` of a class. A bias that
is added in training lowers its class at test time, so a class that is hard is lowered
as if it were frequent. The candidates start from the counts, which training collects by
itself, and let the statistics act in other directions, by the terms of
``candidate_terms.py``. A config makes them available
with ``custom_imports = dict(imports=['projects.gala_study.candidates'])``.
"""

import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmgala.functional import gradient_sum_from_loss, margin_cross_entropy
from mmgala.functional.checks import check_choice, check_logits_and_target, check_share
from mmgala.losses import ClassificationLoss
from mmgala.registry import HOOKS, MODELS
from mmgala.utils.checkpoint_fit import unwrap_model
from projects.gala_study.candidate_terms import (
    DIFFICULTIES,
    EPS,
    FEEDBACKS,
    FITS,
    smooth_target,
    theta_margin,
)


@MODELS.register_module()
class CandidateLoss(ClassificationLoss):
    r"""Cross-entropy with a bias and a label margin from statistics of the training.

    .. math::
        \hat z_{ij} = z_{ij} + a\,(\tau \log n_j - \mu\,d_j + \rho\,f_j)
            - \kappa\,m_j\,[j = y_i]

    :math:`n_j` counts the samples so far, :math:`d` is a difficulty, :math:`f` a
    feedback from the predictions, and :math:`m` a relative margin, all of earlier
    steps. :math:`a` is 0 before ``begin``, then 1. For class indices and one process.

    With ``fit_memory``, what exceeds balanced softmax grows with the fit :math:`g` of
    the training images, :math:`\kappa \to g \kappa` and
    :math:`\tau \to 1 + g\,(\tau - 1)`. It comes from the recent errors, in the mean
    over the classes: a margin asks for a larger lead where labels lead already, and
    only takes capacity from other classes where they do not.

    Args:
        num_classes: number of classes C.
        tau: :math:`\tau`.
        mu: :math:`\mu`; 0 leaves difficulty out.
        difficulty: :math:`d`, ``'error'`` (:func:`signed_difficulty`) or
            ``'residual'`` (:func:`residual_difficulty`).
        kappa: :math:`\kappa`; 0 leaves out :func:`theta_margin`.
        rho: :math:`\rho`; 0 leaves feedback out.
        feedback: :math:`f`, ``'marginal'`` (:func:`marginal_feedback`) or
            ``'balance'`` (:func:`balance_feedback`).
        memory: number of steps that feedback remembers.
        raw_errors: whether errors are those of the predictions without bias and margin.
        forgetting: share of the errors that a step at the highest learning rate
            forgets; at other rates, in proportion. What a class vector learnt at a high
            rate has changed since; what it learnt in the end stays.
        begin: share of the training without the bias; the margin starts at once.
        smoothing: :math:`\epsilon` of smoothed labels; 0 leaves them as they are.
            Statistics are those of the labels that are not smoothed.
        uniform_smoothing: whether all classes get the same share of
            :math:`\epsilon`, as usual, instead of that of :func:`smooth_target`.
        fit_memory: number of samples of a class that its recent error remembers; with
            0, the fit has no effect.
        fit: :math:`g`, from the mean recent error :math:`\bar e`: ``'probability'``,
            :math:`1 - \bar e`, ``'squared'``, :math:`(1 - \bar e)^2`, or ``'lead'``,
            :math:`\max(0, 1 - 2 \bar e)`, how much more of the probability labels have
            than all other classes.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.

    Attributes:
        recent (Tensor): recent mean of 1 - p of each class, 1 at first, ``(C,)``.
        seen (Tensor): :math:`n`, ``(C,)``.
        errors, views (Tensor): sums of :math:`1 - p` and of 1 over the samples of each
            class, both with forgetting, ``(C,)``.
        gained, lost, samples (Tensor): see :func:`marginal_feedback`.
        active, kept (Tensor): :math:`a`, and the share of the errors that a step keeps;
            :class:`CandidateScheduleHook` sets them before each epoch.
    """

    recent: Tensor
    seen: Tensor
    errors: Tensor
    views: Tensor
    gained: Tensor
    lost: Tensor
    samples: Tensor
    active: Tensor
    kept: Tensor

    def __init__(
        self,
        num_classes: int,
        tau: float = 1.0,
        mu: float = 0.0,
        difficulty: str = 'error',
        kappa: float = 0.0,
        rho: float = 0.0,
        feedback: str = 'marginal',
        memory: float = 500.0,
        raw_errors: bool = False,
        forgetting: float = 0.0,
        begin: float = 0.0,
        smoothing: float = 0.0,
        uniform_smoothing: bool = False,
        fit_memory: float = 0.0,
        fit: str = 'probability',
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_choice('difficulty', difficulty, tuple(DIFFICULTIES))
        check_choice('feedback', feedback, tuple(FEEDBACKS))
        check_choice('fit', fit, tuple(FITS))
        check_share('begin', begin)
        check_share('forgetting', forgetting)
        check_share('smoothing', smoothing)
        if smoothing and kappa:
            raise ValueError(
                f'`smoothing={smoothing}` and `kappa={kappa}` pull the logit of the '
                'label in opposite directions: set one of them to 0.'
            )
        self.tau, self.mu, self.kappa, self.rho = tau, mu, kappa, rho
        self.difficulty, self.feedback = difficulty, feedback
        self.memory, self.raw_errors = memory, raw_errors
        self.forgetting, self.begin = forgetting, begin
        self.smoothing, self.uniform_smoothing = smoothing, uniform_smoothing
        self.fit_memory, self.fit = fit_memory, fit
        self.register_buffer('recent', torch.ones(num_classes))
        for name in ('seen', 'errors', 'views', 'gained', 'lost'):
            self.register_buffer(name, torch.zeros(num_classes))
        self.register_buffer('samples', torch.zeros(()))
        self.register_buffer('active', torch.tensor(float(begin == 0)))
        self.register_buffer('kept', torch.ones(()))

    @property
    def statistics(self) -> dict[str, Tensor]:
        """The sums of the training so far."""
        names = ('seen', 'errors', 'views', 'gained', 'lost', 'samples')
        return {name: getattr(self, name) for name in names}

    def set_schedule(self, done: float, rate: float) -> None:
        """Set what depends on the progress of the training, before an epoch.

        Args:
            done: share of the training that is done, 0 to 1.
            rate: learning rate, relative to the highest.
        """
        self.active.fill_(float(done >= self.begin))
        self.kept.fill_(1 - self.forgetting * rate)

    def bias(self) -> Tensor:
        """What is added to all logits, ``(C,)``."""
        tau = 1 + self._fit() * (self.tau - 1)
        bias = tau * torch.log(self.seen + EPS)
        if self.mu:
            difficulty = DIFFICULTIES[self.difficulty](self.errors, self.views)
            bias = bias - self.mu * difficulty
        if self.rho:
            feedback = FEEDBACKS[self.feedback](self.gained, self.lost, self.samples)
            bias = bias + self.rho * feedback
        return self.active * bias

    def label_margin(self) -> Tensor:
        """What is subtracted from the label's logit, ``(C,)``."""
        if not self.kappa:
            return torch.zeros_like(self.seen)
        return self._fit() * self.kappa * theta_margin(self.errors, self.views)

    def _fit(self) -> Tensor | float:
        return FITS[self.fit](self.recent.mean()) if self.fit_memory else 1.0

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Compute the loss of each sample and, in training, update the statistics."""
        check_logits_and_target(cls_score, label)
        bias = self.bias()
        loss = margin_cross_entropy(cls_score, label, bias, bias - self.label_margin())
        smoothed = self._smoothed(cls_score, label.long(), bias)
        if self.training and torch.is_grad_enabled():
            self._observe(cls_score.detach(), loss.detach(), label.long(), weight)
        return loss if smoothed is None else smoothed

    def _smoothed(self, logits: Tensor, label: Tensor, bias: Tensor) -> Tensor | None:
        if not self.smoothing:
            return None
        log_prior = torch.log(self.seen + EPS)
        if self.uniform_smoothing:
            log_prior = torch.zeros_like(log_prior)
        target = smooth_target(label, log_prior, self.smoothing)
        return -(target * (logits.float() + bias).log_softmax(dim=1)).sum(dim=1)

    @torch.no_grad()
    def _observe(
        self, logits: Tensor, loss: Tensor, label: Tensor, weight: Tensor | None
    ) -> None:
        logits, loss, label, weight = self.without_padding(logits, loss, label, weight)
        weight = self.seen.new_ones(len(label)) if weight is None else weight
        if self.raw_errors:
            loss = F.cross_entropy(logits.float(), label, reduction='none')
        errors = gradient_sum_from_loss(loss, label, self.num_classes, weight)
        self.errors.mul_(self.kept).add_(errors)
        self.views.mul_(self.kept).index_add_(0, label, weight)
        self.seen.index_add_(0, label, weight)
        if self.fit_memory:
            samples = torch.zeros_like(self.seen).index_add_(0, label, weight)
            kept = torch.exp(-samples / self.fit_memory)
            mean = errors / samples.clamp(min=torch.finfo(samples.dtype).tiny)
            self.recent.mul_(kept).add_((1 - kept) * mean)
        if self.rho:
            self._observe_predictions(logits.float(), label, weight)

    def _observe_predictions(
        self, logits: Tensor, label: Tensor, weight: Tensor
    ) -> None:
        """Add to the sums of feedback; each class has the same weight on average."""
        level = self.seen.sum() / (self.num_classes * self.seen.clamp(min=1))
        weight = weight * level[label]
        predicted = logits.softmax(dim=1) * weight[:, None]
        own = predicted.gather(1, label[:, None]).squeeze(1)
        gained = predicted.sum(dim=0).index_add_(0, label, own, alpha=-1)
        lost = torch.zeros_like(self.lost).index_add_(0, label, weight - own)
        kept = 1 - 1 / self.memory
        self.gained.mul_(kept).add_(gained)
        self.lost.mul_(kept).add_(lost)
        self.samples.mul_(kept).add_(weight.sum())


@HOOKS.register_module()
class CandidateScheduleHook(Hook):
    """Tells each :class:`CandidateLoss` the progress and learning rate, by epoch."""

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the schedule of all candidate losses in the model."""
        group = runner.optim_wrapper.optimizer.param_groups[0]
        rate = group['lr'] / group.get('initial_lr', group['lr'])
        for module in unwrap_model(runner.model).modules():
            if isinstance(module, CandidateLoss):
                module.set_schedule(runner.epoch / runner.max_epochs, rate)
