"""Linear classification head that takes post-hoc steps."""

from typing import Any

from mmpretrain.models.heads import LinearClsHead
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.models.post_hoc import PostHocChain, PostHocStep
from mmgala.registry import MODELS


class PostHocHead(LinearClsHead):
    """``LinearClsHead`` that takes a post-hoc step in :meth:`predict`.

    Args:
        *args: of ``LinearClsHead``.
        post_hoc: module, or its config: a :class:`PredictionRebalancer`,
            :class:`LogitAdjuster`, :class:`TemperatureScaler`, or a
            :class:`PostHocChain` of these. ``tools/fit_rebalancer.py`` fits it and
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

    @property
    def rebalancer(self) -> nn.Module | None:
        """Another name for ``post_hoc``."""
        return self.post_hoc

    def loss(
        self, feats: tuple[Tensor, ...], data_samples: list[DataSample], **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch; see MMPretrain's ``ClsHead.loss``.

        Raises:
            ValueError: if the post-hoc step is not fitted: training would end at the
                first validation.
        """
        if self.post_hoc is not None and not self.post_hoc.fitted:
            raise ValueError(
                'A post-hoc step is fitted after training: remove `post_hoc` (or '
                '`rebalancer`) from the head, train, then run tools/fit_rebalancer.py.'
            )
        return super().loss(feats, data_samples, **kwargs)

    def _get_predictions(
        self, cls_score: Tensor, data_samples: list[DataSample] | None
    ) -> list[DataSample]:
        if self.post_hoc is not None:
            cls_score = self.post_hoc.transform_logits(cls_score)
        return super()._get_predictions(cls_score, data_samples)

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load checkpoints from before ``rebalancer`` was called ``post_hoc``."""
        old = f'{prefix}rebalancer.'
        for name in [name for name in state_dict if name.startswith(old)]:
            state_dict[f'{prefix}post_hoc.{name[len(old) :]}'] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
