"""Linear classification heads, with post-hoc steps and losses for long tails."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.losses import ClassificationLoss
from mmgala.models.heads.fused_head import check_fused, fused_losses
from mmgala.post_hoc import PostHocChain, PostHocStep
from mmgala.registry import MODELS
from mmgala.utils.class_shares import SHARED_OUT


class PostHocHead(LinearClsHead):
    """``LinearClsHead`` that applies a post-hoc step outside training.

    In evaluation mode, calling the head gives the logits after the step, so that the
    softmax of a model's ``mode='tensor'`` is what :meth:`predict` says, also in an
    exported model. In training mode, and in :meth:`forward`, which subclasses may
    replace, the logits are those of the layer ``fc``: to look at them in evaluation
    mode, for class activation maps or to fit a step, call ``head.forward(feats)``.

    Args:
        *args: of ``LinearClsHead``.
        post_hoc: module, or its config: a :class:`PredictionRebalancer`,
            :class:`LogitAdjuster`, :class:`TemperatureScaler`, or a
            :class:`PostHocChain` of these. ``mmgala fit`` fits it and
            writes the config. Defaults to none.
        rebalancer: another name for ``post_hoc``.
        **kwargs: of ``LinearClsHead``.

    Raises:
        ValueError: if both ``post_hoc`` and ``rebalancer`` are given.
    """

    post_hoc: PostHocStep | PostHocChain | None

    def __init__(
        self,
        *args: Any,
        post_hoc: dict | nn.Module | None = None,
        rebalancer: dict | nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        if post_hoc is not None and rebalancer is not None:
            raise ValueError(
                '`rebalancer` is another name for `post_hoc`, so only one of them can '
                'be given: for several steps, use `post_hoc` with a PostHocChain.'
            )
        super().__init__(*args, **kwargs)
        step: Any = rebalancer if post_hoc is None else post_hoc
        self.post_hoc = MODELS.build(step) if isinstance(step, dict) else step
        self.register_forward_hook(_after_post_hoc)

    @property
    def rebalancer(self) -> nn.Module | None:
        """Another name for ``post_hoc``."""
        return self.post_hoc

    def loss(
        self, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch, without post-hoc steps; see MMPretrain's.

        Raises:
            ValueError: if the post-hoc step is not fitted: training would fail at the
                first validation.
        """
        self.check_post_hoc()
        if self.training:
            return super().loss(feats, data_samples, **kwargs)
        # Calling the head, as MMPretrain does, would apply the step.
        return self._get_loss(self.forward(feats), data_samples, **kwargs)

    def check_post_hoc(self) -> None:
        """Check that the post-hoc step, if any, is fitted.

        Raises:
            ValueError: if it is not.
        """
        if self.post_hoc is not None and not self.post_hoc.fitted:
            raise ValueError(
                'A post-hoc step is fitted after training: remove `post_hoc` (or '
                '`rebalancer`) from the head, train, then run mmgala fit.'
            )

    def _get_predictions(
        self, cls_score: Tensor, data_samples: list[DataSample] | None
    ) -> list[DataSample]:
        if self.training and self.post_hoc is not None:
            cls_score = self.post_hoc.transform_logits(cls_score)
        return super()._get_predictions(cls_score, data_samples)

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Also load checkpoints in which ``post_hoc`` is called ``rebalancer``.

        Raises:
            ValueError: if the weights are in the shares of several ranks.
        """
        if f'{prefix}{SHARED_OUT}' in state_dict:
            raise ValueError(
                'The weights of the classes are not in this checkpoint, but in the '
                'folder .shards beside it: write one file by `mmgala merge CHECKPOINT '
                'OUT`.'
            )
        old = f'{prefix}rebalancer.'
        for name in [name for name in state_dict if name.startswith(old)]:
            state_dict[f'{prefix}post_hoc.{name[len(old) :]}'] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _after_post_hoc(head: PostHocHead, _: Any, logits: Tensor) -> Tensor:
    """Forward hook: a subclass cannot lose the step by a ``forward`` of its own."""
    if head.training or head.post_hoc is None:
        return logits
    return head.post_hoc.transform_logits(logits)


class LongTailedClsHead(PostHocHead):
    """Linear classification head for losses of this package, with post-hoc steps.

    The attribute ``initial_bias`` of a loss, such as
    :class:`mmgala.models.ClassBalancedFocalLoss`, overrides the initial bias of
    ``init_cfg``.

    Subclasses set ``default_loss``, and may replace the layer ``fc``.

    Args:
        num_classes: C, the number of classes. Passed on to a
            :class:`ClassificationLoss` whose config does not set it.
        in_channels: channels of the incoming feature.
        loss: config of the loss. Defaults to ``default_loss``.
        fused: whether to compute layer and loss in blocks of classes, so that all
            logits of a batch are never in memory; for many thousands of classes. Needs
            a loss that is cross-entropy on shifted logits, such as GALA. Predictions
            are those of any linear head.
        **kwargs: ``post_hoc`` of :class:`PostHocHead`; ``topk``, ``cal_acc`` and
            ``init_cfg`` of MMPretrain's ``LinearClsHead``.

    Raises:
        ValueError: if head and loss disagree about the number of classes, or with
            ``fused``, if the loss has another form, ``cal_acc`` is on or the memory
            will not suffice.
    """

    default_loss: ClassVar[Mapping[str, Any]] = dict(type='mmpretrain.CrossEntropyLoss')

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: dict | nn.Module | None = None,
        fused: bool = False,
        **kwargs: Any,
    ) -> None:
        loss = self.build_loss(loss, num_classes)
        if fused:
            check_fused(loss, kwargs.get('cal_acc', False), num_classes, in_channels)
        super().__init__(num_classes, in_channels, loss=loss, **kwargs)
        loss_classes = getattr(self.loss_module, 'num_classes', num_classes)
        if loss_classes != num_classes:
            raise ValueError(
                f'The head has num_classes={num_classes}, but its loss '
                f'num_classes={loss_classes}: remove it from the loss.'
            )
        self.fused = fused
        self.memory_checked = False  # whether the first step was found to fit

    @classmethod
    def build_loss(cls, loss: dict | nn.Module | None, num_classes: int) -> nn.Module:
        """Build the loss of a head, by default ``default_loss``.

        Args:
            loss: module, or its config.
            num_classes: for a loss of this package whose config does not set it.
        """
        if isinstance(loss, nn.Module):
            return loss
        loss = dict(cls.default_loss) if loss is None else loss
        if is_classification_loss(loss['type']):
            loss = {'num_classes': num_classes, **loss}
        return MODELS.build(loss)

    def loss(
        self, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch, without post-hoc steps; see MMPretrain's.

        What a loss of this package wants to be logged is in the result, too.

        Raises:
            ValueError: as :class:`PostHocHead` does; with ``fused``, also if labels are
                soft and the loss has statistics, or the memory will not suffice.
        """
        if self.fused:
            self.check_post_hoc()
            losses = fused_losses(self, feats, data_samples, **kwargs)
        else:
            losses = super().loss(feats, data_samples, **kwargs)
        if isinstance(self.loss_module, ClassificationLoss):
            losses |= self.loss_module.logged()
        return losses

    def init_weights(self) -> None:
        """Initialise by ``init_cfg``, then set the initial bias of the loss, if any."""
        first = not self.is_init
        super().init_weights()
        bias = getattr(self.loss_module, 'initial_bias', None)
        if first and bias is not None and self.fc.bias is not None:
            nn.init.constant_(self.fc.bias, bias)


@MODELS.register_module()
class GALAHead(LongTailedClsHead):
    """Linear classification head whose default is :class:`~mmgala.losses.GALALoss`.

    Two lines turn an MMPretrain config with a linear head into GALA::

        model = dict(head=dict(
            type='mmgala.GALAHead', loss=dict(_delete_=True, type='mmgala.GALALoss')))

    Arguments and errors are those of :class:`LongTailedClsHead`, and:

    Args:
        *args: of :class:`LongTailedClsHead`.
        shard_classes: whether each rank has the weights and statistics of its share of
            the classes only. The result is then of the subclass
            :class:`~mmgala.models.heads.sharded_head.ShardedClsHead`, which see, as
            ``pathlib.Path`` gives one of its subclasses.
        **kwargs: of :class:`LongTailedClsHead`.
    """

    default_loss = dict(type='mmgala.GALALoss')

    def __new__(cls, *args: Any, shard_classes: bool = False, **kwargs: Any) -> Any:
        """Choose the subclass that shares out the classes, if asked to."""
        kind: Any = cls
        if shard_classes:
            from mmgala.models.heads.sharded_head import ShardedClsHead as kind
        return super().__new__(kind)

    def __init__(self, *args: Any, shard_classes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


def is_linear_head(kind: Any) -> bool:
    """Whether a class of heads computes logits by the layer ``fc`` alone.

    True for MMPretrain's ``LinearClsHead`` and its subclasses with the same
    ``forward``: one of them can be exchanged for another.
    """
    return all(
        getattr(kind, name, None) is getattr(LinearClsHead, name)
        for name in ('forward', 'pre_logits')
    )


def is_classification_loss(kind: str | type) -> bool:
    """Whether a loss, given by name or as a class, is a ``ClassificationLoss``."""
    loss = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(loss, type) and issubclass(loss, ClassificationLoss)
