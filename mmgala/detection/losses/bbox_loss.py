"""GALA loss for the classification branch of two-stage detectors."""

import torch
import torch.nn.functional as F
from mmdet.models.losses import accuracy
from torch import Tensor

from mmgala.functional import add_foreground_margin, foreground_gradient_sum
from mmgala.functional.checks import (
    check_choice,
    check_region_labels,
    usable_weight,
)
from mmgala.losses import LogitAdjustment
from mmgala.models import GALALoss
from mmgala.registry import MODELS

SOFTMAX_BACKGROUNDS = ('objectness', 'exclude')


@MODELS.register_module()
class GALABBoxLoss(GALALoss):
    r"""GALA loss of any MMDetection ``BBoxHead``; only ``loss_cls`` changes.

    The paper (arXiv 2403.09036) covers classes only; the treatment of background is
    this project's choice. Background is not a frequent class to compensate for: most
    regions are background because the sampler draws them so. It therefore gets no
    margin, adds none to the classes, and is not part of the statistics. There are two
    forms:

    * ``background='objectness'``: C class logits, and two logits of foreground and
      background, as in Seesaw loss (Wang et al., CVPR 2021, arXiv 2008.10032). The
      class logits are trained by :class:`mmgala.models.GALALoss` on foreground regions
      only, and foreground versus background by cross-entropy on all regions. A score
      is the product of both probabilities.
    * ``background='exclude'``: one softmax over C + 1 logits, with GALA's margins
      between the C classes on foreground regions. The statistics are sums of the
      gradients between the C classes. See :mod:`mmgala.functional.gala_detection` for
      the formulas.

    The first is the default because it was better on validation data; see
    docs/detection.md for the results.

    In both forms, :math:`\theta = \phi`, as in classification. If the statistics of all
    classes are equal, and both :math:`\lambda` are, the loss is cross-entropy.

    For bbox heads only: MMDetection's dense softmax heads would predict background as
    a class. Components that read ``losses['loss_cls']``, such as ``ScoreHLRSampler``,
    OHEM and SoftTeacher, need ``'exclude'``. A call with ``reduction_override='none'``,
    with which PISA ranks regions, does not update the statistics.

    Statistics are sums over all ranks. With several ranks, use
    :class:`mmgala.engine.ReduceStatisticsHook`, which ``mmgala train`` adds
    automatically. Without it, they are reduced in the forward pass, which MMDetection
    skips on a rank without any regions.

    Args:
        num_classes: C, without background.
        background: ``'objectness'`` or ``'exclude'``.
        lambda_pos: :math:`\lambda_+`, weight of :math:`\log\theta`.
        lambda_neg: :math:`\lambda_-`, weight of :math:`\log\phi`.
        eps: :math:`\epsilon`.
        use_sigmoid: must be ``False``; accepted so that it can stay in a config whose
            ``type`` is changed.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss; the statistics do not depend on it.
        count_share: as in :class:`mmgala.models.GALALoss`; 1 for balanced softmax on
            the foreground regions counted during training. For ``'objectness'``, like
            the next two.
        label_margin: as in :class:`mmgala.models.GALALoss`, of foreground regions. For
            heads with ``cls_predictor_cfg=dict(type='NormedLinear')``.
        lead_memory: as in :class:`mmgala.models.GALALoss`, in foreground regions.

    Shape:
        - ``cls_score``: ``(N, C + 2)`` logits, foreground and background last; with
          ``'exclude'`` ``(N, C + 1)``, background last.
        - ``label``: ``(N,)`` int64 between 0 and C, which is background.
        - ``weight``: ``(N,)``; applies to the loss and to the statistics, so regions
          of weight 0 do not change the statistics.
        - Output: a dict of two losses, ``loss_cls_objectness`` and
          ``loss_cls_classes``; with ``'exclude'`` one loss. Each is a scalar, or
          ``(N,)`` with reduction ``'none'``. With ``lead_memory``, ``lead`` is in the
          dict, too, which MMDetection logs.

    Attributes:
        pos_grad (Tensor): :math:`\theta`, ``(C,)`` float32 buffer.
        neg_grad (Tensor): :math:`\phi`, ``(C,)`` float32 buffer.
        seen (Tensor): weight of the foreground regions of each class so far, ``(C,)``
            float32 buffer, where ``count_share``, ``label_margin`` or ``lead_memory``
            is not 0.
        recent_probability (Tensor): probability of the label in recent foreground
            regions of each class, ``(C,)`` float32 buffer, where ``lead_memory`` is
            not 0.

    Raises:
        ValueError: if an argument is out of range, the head has a different number of
            classes, the logits have a different number of columns or (on the CPU) a
            label is out of range.

    Examples:
        >>> loss = GALABBoxLoss(num_classes=2, background='exclude')
        >>> logits = torch.zeros(3, 3, requires_grad=True)
        >>> loss(logits, torch.tensor([0, 0, 2]))  # the last is background
        tensor(1.0986, grad_fn=<MeanBackward0>)
        >>> loss.pos_grad
        tensor([0.6667, 0.0000])
    """

    # BBoxHead checks these attributes before it calls the three methods below.
    custom_cls_channels = True
    custom_activation = True
    custom_accuracy = True

    def __init__(
        self,
        num_classes: int,
        background: str = 'objectness',
        lambda_pos: float = 1.0,
        lambda_neg: float = 1.0,
        eps: float = 1e-3,
        use_sigmoid: bool = False,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        count_share: float = 0.0,
        label_margin: float = 0.0,
        lead_memory: float = 0.0,
    ) -> None:
        super().__init__(
            num_classes,
            lambda_pos,
            lambda_neg,
            eps=eps,
            reduction=reduction,
            loss_weight=loss_weight,
            count_share=count_share,
            label_margin=label_margin,
            lead_memory=lead_memory,
        )
        check_choice('background', background, SOFTMAX_BACKGROUNDS)
        for name in ('count_share', 'label_margin', 'lead_memory'):
            value = getattr(self, name)
            if value and background == 'exclude':
                raise ValueError(
                    f"`{name}={value}` needs background='objectness': leave "
                    f'`background` at its default, or remove `{name}`.'
                )
        if use_sigmoid:
            raise ValueError(
                'GALABBoxLoss is a softmax loss for bbox heads: set use_sigmoid=False '
                'instead of True, or keep focal loss in a one-stage or query head.'
            )
        self.background = background
        self.use_sigmoid = False
        self._asked_for_channels = False  # as a bbox head does

    def get_cls_channels(self, num_classes: int) -> int:
        """Number of logits that the head needs.

        Args:
            num_classes: number of classes of the head, without background.

        Raises:
            ValueError: if the loss was built for another number of classes.
        """
        if num_classes != self.num_classes:
            raise ValueError(
                f'The bbox head has num_classes={num_classes}, but its loss_cls '
                f'{type(self).__name__} has num_classes={self.num_classes}: set both '
                'to the number of classes of the data set, without background.'
            )
        self._asked_for_channels = True
        return self._width

    @property
    def _width(self) -> int:
        return self.num_classes + (1 if self.background == 'exclude' else 2)

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Scores ``(N, C + 1)``, background last; rows sum to 1.

        Raises:
            ValueError: if the loss is not used in a bbox head.
        """
        if not self._asked_for_channels:
            raise ValueError(
                'GALABBoxLoss is for bbox heads: a one-stage head would predict '
                'background as a class. Take mmgala.GALAObjectnessLoss there.'
            )
        self._check_width(cls_score)
        if self.background == 'exclude':
            return cls_score.softmax(dim=-1)
        classes, objectness = self._split(cls_score)
        foreground, background = objectness.softmax(dim=-1).split(1, dim=-1)
        return torch.cat((classes.softmax(dim=-1) * foreground, background), dim=-1)

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Percentage of correctly classified regions, always under the same keys."""
        if self.background == 'exclude':
            return dict(acc=accuracy(cls_score, labels))
        classes, objectness = self._split(cls_score)
        is_background = labels == self.num_classes
        return dict(
            acc_objectness=accuracy(objectness, is_background.long()),
            acc_classes=accuracy(classes[~is_background], labels[~is_background]),
        )

    def forward(  # type: ignore[override]
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """Compute the loss and, in training, update the statistics.

        Args:
            cls_score: logits, ``(N, C + 2)`` or ``(N, C + 1)``.
            label: class indices ``(N,)``, C for background.
            weight: weight of each region, ``(N,)``.
            avg_factor: divisor of the mean instead of N.
            reduction_override: used instead of ``reduction``.

        Returns:
            A dict of two losses and what is to be logged, or one loss; a loss is 0 if
            there are no regions and the reduction is ``'mean'`` or ``'sum'``.
        """
        call = (avg_factor, reduction_override)
        with self.frozen(reduction_override == 'none'):  # PISA only ranks regions then
            if self.background == 'exclude':
                return super().forward(cls_score, label, weight, *call)
            self._check_width(cls_score)
            check_region_labels(label, len(cls_score), self.num_classes)
            classes, objectness = self._split(cls_score)
            foreground = label < self.num_classes
            # Background stays in the batch with weight 0: both losses are means over
            # the same number, and the host does not wait for a count.
            counted = foreground * (1.0 if weight is None else usable_weight(weight))
            target = torch.where(foreground, label, 0)
            return dict(
                loss_cls_objectness=self._objectness_loss(
                    objectness, (~foreground).long(), weight, *call
                ),
                loss_cls_classes=super().forward(classes, target, counted, *call),
                **self.logged(),
            )

    def _objectness_loss(
        self,
        logits: Tensor,
        target: Tensor,
        weight: Tensor | None,
        avg_factor: float | None,
        reduction_override: str | None,
    ) -> Tensor:
        reduction = self.choose_reduction(reduction_override)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        loss = F.cross_entropy(logits, target, reduction='none')
        weight = None if weight is None else usable_weight(weight)
        return self.reduce(loss, weight, reduction, avg_factor)

    def check_input(self, cls_score: Tensor, label: Tensor) -> None:
        """Check the width of the logits and the labels of regions."""
        if self.background == 'objectness':
            return super().check_input(cls_score, label)
        self._check_width(cls_score)
        check_region_labels(label, len(cls_score), self.num_classes)

    def adjustment(self) -> LogitAdjustment | None:
        """The margins; ``None`` with a logit for background, which has no margin."""
        return super().adjustment() if self.background == 'objectness' else None

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Compute the loss of each region and, in training, update the statistics."""
        if self.background == 'objectness':
            return super().compute_loss(cls_score, label, weight)
        adjusted = add_foreground_margin(
            cls_score,
            label,
            self.pos_grad,
            self.neg_grad,
            self.lambda_pos,
            self.lambda_neg,
            self.eps,
        )
        if self.accumulates:
            pos = foreground_gradient_sum(adjusted, label, weight)
            self.accumulate(pos, pos, len(label))  # theta == phi
        return F.cross_entropy(adjusted, label, reduction='none')

    def _check_width(self, cls_score: Tensor) -> None:
        if cls_score.shape[-1] != self._width:
            raise ValueError(
                f'GALABBoxLoss(num_classes={self.num_classes}, '
                f'background={self.background!r}) needs logits (N, {self._width}), but '
                f'the head gives {tuple(cls_score.shape)}. Set num_classes of head and '
                "loss to the data set's; a head that ignores get_cls_channels, as "
                "DoubleConvFCBBoxHead does, needs background='exclude'."
            )

    @staticmethod
    def _split(cls_score: Tensor) -> tuple[Tensor, Tensor]:
        return cls_score[..., :-2], cls_score[..., -2:]
