"""What the classification heads have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mmpretrain.models.heads import LinearClsHead
from torch import nn

from mmgala.models.heads.post_hoc_head import PostHocHead
from mmgala.models.losses import ClassificationLoss
from mmgala.registry import MODELS


class LongTailedClsHead(PostHocHead):
    """Linear classification head for losses of this package, with post-hoc steps.

    A loss with an attribute ``initial_bias``, like
    :class:`mmgala.models.ClassBalancedFocalLoss`, sets the initial bias, whatever
    ``init_cfg`` says. Weights start as ``init_cfg`` says.

    Subclasses choose ``default_loss``, and may replace the layer ``fc``.

    Args:
        num_classes: C. Passed on to a :class:`ClassificationLoss` that does not state
            it.
        in_channels: channels of the incoming feature.
        loss: config of the loss. Defaults to ``default_loss``.
        **kwargs: ``post_hoc`` of :class:`PostHocHead`; ``topk``, ``cal_acc`` and
            ``init_cfg`` of MMPretrain's ``LinearClsHead``.

    Raises:
        ValueError: if head and loss disagree about the number of classes.
    """

    default_loss: ClassVar[Mapping[str, Any]] = dict(type='mmpretrain.CrossEntropyLoss')

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: dict | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        loss = dict(self.default_loss) if loss is None else loss
        if isinstance(loss, dict) and _knows_its_classes(loss['type']):
            loss = {'num_classes': num_classes, **loss}
        super().__init__(num_classes, in_channels, loss=loss, **kwargs)
        loss_classes = getattr(self.loss_module, 'num_classes', num_classes)
        if loss_classes != num_classes:
            raise ValueError(
                f'The head has num_classes={num_classes}, but its loss '
                f'num_classes={loss_classes}: leave it out of the loss.'
            )

    def init_weights(self) -> None:
        """Initialise weights as ``init_cfg`` says, and the bias as the loss does."""
        first = not self.is_init
        super().init_weights()
        bias = getattr(self.loss_module, 'initial_bias', None)
        if first and bias is not None and self.fc.bias is not None:
            nn.init.constant_(self.fc.bias, bias)


def is_linear_head(kind: Any) -> bool:
    """Whether heads of a class apply one layer, ``fc``, to the features.

    That holds for MMPretrain's ``LinearClsHead`` and for subclasses with its
    ``forward``, so that one of them can take the place of another.
    """
    return all(
        getattr(kind, name, None) is getattr(LinearClsHead, name)
        for name in ('forward', 'pre_logits')
    )


def _knows_its_classes(kind: str | type) -> bool:
    """Whether a loss, named or given as a class, takes ``num_classes``."""
    loss = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(loss, type) and issubclass(loss, ClassificationLoss)
