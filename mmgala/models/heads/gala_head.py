"""Linear classification head with the GALA loss and post-hoc steps."""

from typing import Any

from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.models.losses import ClassificationLoss, GALALoss
from mmgala.models.post_hoc import PostHocChain, PostHocStep
from mmgala.registry import MODELS


@MODELS.register_module()
class GALAHead(LinearClsHead):
    """``LinearClsHead`` whose default loss is :class:`GALALoss`.

    Two lines turn an MMPretrain config with a linear head into GALA::

        model = dict(head=dict(
            type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss')))

    A loss with an attribute ``initial_bias``, like
    :class:`ClassBalancedFocalLoss`, sets what the bias starts from, whatever
    ``init_cfg`` says of it. Weights start as ``init_cfg`` says.

    Args:
        num_classes: C. Handed on to a loss of this package that does not state it.
        in_channels: channels of the incoming feature.
        loss: config of the loss. Defaults to ``dict(type='mmgala.GALALoss')``.
        rebalancer: config of the post-hoc step that :meth:`predict` takes:
            a :class:`PredictionRebalancer`, :class:`LogitAdjuster`,
            :class:`TemperatureScaler`, or a :class:`PostHocChain` of these.
            ``tools/fit_rebalancer.py`` fits it and writes the config. Defaults to none.
        **kwargs: ``topk``, ``cal_acc``, ``init_cfg`` of MMPretrain's
            ``LinearClsHead``.

    Raises:
        ValueError: if head and loss disagree about the number of classes.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: dict | nn.Module | None = None,
        rebalancer: dict | PostHocStep | PostHocChain | None = None,
        **kwargs: Any,
    ) -> None:
        loss = dict(type='mmgala.GALALoss') if loss is None else loss
        if isinstance(loss, dict) and _knows_its_classes(loss['type']):
            loss = {'num_classes': num_classes, **loss}
        super().__init__(num_classes, in_channels, loss=loss, **kwargs)
        loss_classes = getattr(self.loss_module, 'num_classes', num_classes)
        if loss_classes != num_classes:
            raise ValueError(
                f'The head has num_classes={num_classes}, but its loss '
                f'num_classes={loss_classes}: leave it out of the loss.'
            )
        self.rebalancer: PostHocStep | PostHocChain | None = (
            MODELS.build(rebalancer) if isinstance(rebalancer, dict) else rebalancer
        )

    def init_weights(self) -> None:
        """Initialise weights as ``init_cfg`` says, and the bias as the loss does."""
        first = not self.is_init
        super().init_weights()
        bias = getattr(self.loss_module, 'initial_bias', None)
        if first and bias is not None and self.fc.bias is not None:
            nn.init.constant_(self.fc.bias, bias)

    def loss(
        self, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch; see MMPretrain's ``ClsHead.loss``.

        Raises:
            ValueError: if a re-balancer waits to be fitted; better at the first step
                of a training than at its first validation.
        """
        if self.rebalancer is not None and not self.rebalancer.fitted:
            raise ValueError(
                'A re-balancer is fitted after training: take `rebalancer` out of '
                'the head for training, then run tools/fit_rebalancer.py.'
            )
        return super().loss(feats, data_samples, **kwargs)

    def _get_predictions(
        self, cls_score: Tensor, data_samples: list[DataSample] | None
    ) -> list[DataSample]:
        if self.rebalancer is not None:
            cls_score = self.rebalancer.adjust(cls_score)
        return super()._get_predictions(cls_score, data_samples)


def _knows_its_classes(kind: str | type) -> bool:
    """Whether the loss of that name, or class, is one with ``num_classes``."""
    loss = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(loss, type) and issubclass(loss, ClassificationLoss | GALALoss)
