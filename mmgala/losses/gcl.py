"""Gaussian clouded logits."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mmgala.functional.checks import check_not_negative, check_positive
from mmgala.functional.class_priors import cloud_sizes
from mmgala.functional.losses import clouded_loss
from mmgala.losses.class_counts_loss import ClassCountsLoss


class GCLLoss(ClassCountsLoss):
    r"""Gaussian clouded logit adjustment (Li et al., CVPR 2022, arXiv 2305.11733).

    Each logit is lowered by :math:`s \, \alpha \, \delta_j |\varepsilon_{ij}|` with
    :math:`\varepsilon` normal of standard deviation 1/3, cut off at 1, and
    :math:`\delta_j` from 0 for the largest class to 1 for the smallest. Designed
    for logits that are :math:`s` times a cosine, as those of
    :class:`mmgala.models.CosineClsHead` with the same ``scale``.

    The defaults are those of the first of the authors' two stages. In the second they
    train the classifier further on the frozen backbone, with class-balanced sampling
    and other settings. The command for a checkpoint of the first stage is::

        mmgala retrain CONFIG CHECKPOINT OUT.pth --method crt \
            --init trained --loss mmgala.GCLLoss \
            --loss-options margin=0.1 scale=20 gamma=1 \
            --epochs 30 --lr 0.004 --batch-size 64 --weight-decay 2e-4

    The authors mix images in both stages (mixup with :math:`\alpha = 1`, the default of
    their scripts). For the first stage, set::

        model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=1.0)))

    The second stage uses cached features: images are neither mixed nor augmented.

    :math:`\varepsilon` is drawn in each forward from PyTorch's default generator, in
    training mode only: in eval mode the loss is cross-entropy with the margin. Drawing
    a number for each logit takes longer than cross-entropy.

    Args:
        num_classes: C, the number of classes.
        noise_scale: :math:`\alpha`, size of the rarest class's cloud in units of the
            cosine.
        margin: margin of every label, in the same units.
        scale: :math:`s`, that of the head.
        class_counts: training samples of each class (not labels), for use without
            :class:`mmgala.engine.ClassCountsHook`;
            :func:`mmgala.functional.class_counts_of` counts them.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: factor on the loss.
        gamma: focusing parameter, 0 or more: the loss of a sample is multiplied by
            :math:`(1 - p)^\gamma`, where the loss is :math:`-\log p`. No
            gradient flows through this factor. A value above 0 requires class indices.

    Shape:
        - ``cls_score``: ``(N, C)`` logits.
        - ``label``: ``(N,)`` class indices; with ``gamma=0`` also ``(N, C)`` soft
          labels.
        - ``weight``: ``(N,)``.
        - Output: a scalar, or ``(N,)`` with reduction ``'none'``.

    Raises:
        ValueError: if an argument or shape is invalid, in training without class
            counts, or on soft labels with a ``gamma`` above 0.
    """

    corrects_class_prior = False
    counts_in_training_only = True

    cloud_sizes: Tensor

    def __init__(
        self,
        num_classes: int,
        noise_scale: float = 0.5,
        margin: float = 0.0,
        scale: float = 30.0,
        class_counts: Sequence[int] | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        gamma: float = 0.0,
    ) -> None:
        super().__init__(num_classes, reduction, loss_weight)
        check_not_negative('noise_scale', noise_scale)
        check_not_negative('margin', margin)
        check_positive('scale', scale)
        check_not_negative('gamma', gamma)
        self.noise_scale = noise_scale
        self.margin = margin
        self.scale = scale
        self.gamma = gamma
        self.start_counts(class_counts)

    def compute_vectors(self, class_counts: Tensor) -> Mapping[str, Tensor]:
        """Size of each class's cloud."""
        return dict(cloud_sizes=cloud_sizes(class_counts))

    def compute_loss(
        self, cls_score: Tensor, label: Tensor, weight: Tensor | None
    ) -> Tensor:
        """Cross-entropy on clouded logits."""
        cloud = torch.zeros_like(cls_score, dtype=torch.float32)
        if self.training:
            cloud.normal_(std=1 / 3).abs_().clamp_(max=1)
            cloud *= self.scale * self.noise_scale * self.cloud_sizes
        loss = clouded_loss(cls_score, label, cloud, self.scale * self.margin)
        if self.gamma == 0:
            return loss
        if label.is_floating_point():
            raise ValueError(
                f'GCLLoss with gamma={self.gamma:g} needs class indices, not soft '
                'labels. Take mixup and CutMix out, or set gamma=0.'
            )
        rest = -torch.expm1(-loss.detach())  # 1 - p
        return rest.clamp(min=0) ** self.gamma * loss
