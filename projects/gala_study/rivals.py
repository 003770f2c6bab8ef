r"""Rivals that need no class counts: a learnt prior, and that of a trained model.

Both estimate what a model believes about the frequency of classes, and remove it from
the predictions. Neither is part of the package.
"""

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.functional import rebalance
from mmgala.registry import MODELS


@MODELS.register_module()
class PriorEstimatorHead(LinearClsHead):
    r"""Linear head with a log-prior that is learnt beside it, NPE-LA.

    Yavari & Moallem, *Neural Prior Estimation: Learning Class Priors from Latent
    Representations*, 2026, arXiv 2602.17853. A second linear layer :math:`u` on the
    same features has the loss :math:`\log(1 + e^{u_y})`, of the label's output alone.
    It pushes down the outputs of a class as often as the class is seen, so :math:`-u`
    estimates the log-prior up to a constant. Predictions are

    .. math:: z + u - \bar u, \qquad \bar u = \frac{1}{C} \sum_j u_j

    The abstract says no more than "one-way logistic loss" and "logit adjustment". The
    sign, the centring, the weight 1 of the loss, the gradient to the features and the
    mean over several layers are those of the authors' code
    (masoudya/neural-prior-estimator, ``classification/train.py``). The number of layers
    is not in its configs: one by default is our choice. Initialisation is MMPretrain's.

    Args:
        *args: of ``LinearClsHead``.
        num_estimators: number of layers :math:`u`, whose mean is added.
        **kwargs: of ``LinearClsHead``.
    """

    def __init__(self, *args: Any, num_estimators: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.estimators = nn.ModuleList(
            nn.Linear(self.in_channels, self.num_classes) for _ in range(num_estimators)
        )

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Logits, ``(N, C)``; in evaluation, with the prior removed."""
        features = self.pre_logits(feats)
        logits = self.fc(features)
        if self.training:
            return logits
        priors = torch.stack([layer(features) for layer in self.estimators]).mean(dim=0)
        return logits + priors - priors.mean(dim=1, keepdim=True)

    def loss(
        self, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Loss of the logits and, as ``loss_prior``, that of the estimators."""
        features = self.pre_logits(feats)
        losses = self._get_loss(self.fc(features), data_samples, **kwargs)
        label = torch.cat([sample.gt_label for sample in data_samples])
        own = [layer(features).gather(1, label[:, None]) for layer in self.estimators]
        losses['loss_prior'] = torch.stack([F.softplus(u).mean() for u in own]).sum()
        return losses


def prior_to_posterior(scores: Tensor, training_scores: Tensor) -> Tensor:
    r"""Divide predictions by the effective prior of the model, Prior2Posterior.

    .. math:: Q_{ij} \propto P_{ij} / \hat\pi_j, \qquad
        \hat\pi_j = \frac{1}{M} \sum_m P^{train}_{mj}

    Bhat et al., *Prior2Posterior: Model Prior Correction for Long-Tailed Learning*,
    WACV 2025, arXiv 2412.16540. The abstract says that the prior is estimated from the
    a-posteriori probabilities of the trained model and removed from its predictions.
    That their mean is meant, and over the training images, is our reading.

    Where cross-entropy has converged and its classifier has a bias without weight
    decay, the gradient of the bias is 0, so :math:`\hat\pi` is the class frequency
    itself: then this is post-hoc logit adjustment without counts. It is also
    re-balancing whose class mass comes from training instead of test images.

    The training images are long-tailed themselves, so their mean prediction is far from
    equal for any good model: after a loss that already corrects for the counts, this
    corrects a second time. Pass the scores of the logits that the loss saw, with its
    bias added, and the difference from the class frequencies is what is left.

    Args:
        scores: softmax scores to correct, ``(N, C)``.
        training_scores: softmax scores of training images, ``(M, C)``.

    Returns:
        ``(N, C)``, rows sum to 1.
    """
    return rebalance(scores, 1.0, class_mass=training_scores.sum(dim=0))
