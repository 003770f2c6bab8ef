"""Linear classification head whose classes are shared out among the ranks."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmgala.functional.checks import check_not_negative, check_whole, usable_weight
from mmgala.models.heads.linear_heads import GALAHead
from mmgala.models.heads.shard_state import ShardStateMixin
from mmgala.modules.runner import training_is_resumed
from mmgala.registry import MODELS
from mmgala.sharding import (
    ClassShardLinear,
    ClassShards,
    gather_features,
    sample_classes,
    shard_statistics,
    sharded_losses,
)
from mmgala.sharding.cost import StepCost
from mmgala.sharding.memory import check_host_memory, check_step_memory
from mmgala.sharding.prediction import (
    ShardedClassMass,
    label_ranks,
    top_classes,
)

# Options of other linear heads that need all logits, or all weights.
NEED_ALL_CLASSES = ('fused', 'cal_acc', 'post_hoc', 'rebalancer')
INITIAL_STD = 0.01  # of weights, as in MMPretrain's LinearClsHead


@MODELS.register_module()
class ShardedClsHead(ShardStateMixin, GALAHead):
    """Head of which each rank has the weights and statistics of some classes.

    ``GALAHead(shard_classes=True)`` builds it. Features of all ranks are gathered, each
    rank computes the logits of its classes for all of them, and the softmax is reduced
    over the ranks; see :mod:`mmgala.sharding`. It needs the model wrapper
    :class:`mmgala.models.ClassShardsDataParallel` and the hook
    :class:`mmgala.engine.ClassShardsHook`.

    Predictions have no ``pred_score``, which would be all scores: they have
    ``pred_label``, the best classes ``topk_label`` with ``topk_score``, and, where the
    label is known, ``label_rank``, the number of classes ranked ahead of it. From these
    :class:`mmgala.evaluation.LongTailedAccuracy` computes its metrics.

    Args:
        num_classes: C, the number of classes of all ranks.
        in_channels: D, the width of the features.
        loss: loss, or its config, that is cross-entropy on shifted logits. Defaults to
            :class:`~mmgala.losses.GALALoss`.
        negative_rate: share of the classes to compute logits for in a training step;
            see :func:`mmgala.sharding.sample_classes`. Defaults to 1, all classes.
        topk: the largest of these is the number of classes in ``topk_label``.
        init_cfg: ``dict(type='Normal', std=STD)`` of the initial weights; the standard
            deviation is 0.01 by default.
        shard_classes: always true; for another head, use
            :class:`mmgala.models.GALAHead`.
        **kwargs: none; options of :class:`mmgala.models.GALAHead` that need all classes
            may be given as false or ``None``.

    Raises:
        ValueError: if there are more ranks than classes, the loss is not cross-entropy
            on shifted logits, an argument is out of range or needs all classes, or the
            memory of the machine does not suffice for the weights.
        TypeError: if there is no such argument.
    """

    fc: ClassShardLinear
    num_classes: int
    in_channels: int
    loss_module: Any
    topk: Any
    pre_logits: Any

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss: dict | nn.Module | None = None,
        negative_rate: float = 1.0,
        topk: int | Sequence[int] = (1,),
        init_cfg: dict | None = None,
        shard_classes: bool = True,
        **kwargs: Any,
    ) -> None:
        _check_options(shard_classes, negative_rate, kwargs)
        check_whole('in_channels', in_channels)
        std = _initial_std(init_cfg)
        shards = ClassShards.here(num_classes)
        check_host_memory(num_classes, in_channels, shards.ranks)
        loss = self.build_loss(loss, num_classes)
        with torch.device('meta'):  # the layer of all classes takes no memory
            super().__init__(num_classes, in_channels, loss, topk=topk, init_cfg=None)
        self.negative_rate, self.shards = negative_rate, shards
        self.fc = ClassShardLinear(in_channels, shards)
        self.start_shard_state(shard_statistics(self.loss_module, shards))
        self._std = std
        self._fits = False
        self.class_mass: ShardedClassMass | None = None
        self.tau = 0.0
        self._expected = 0  # samples of which scores are being summed
        self._added = 0

    def init_weights(self) -> None:
        """Draw normal weights, which do not depend on the number of ranks."""
        if not self.is_init:
            self.fc.draw_weights('normal_', self._std)
            nn.init.zeros_(self.fc.bias)
        super().init_weights()

    def forward(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Logits of the samples of all ranks, for the classes of this rank."""
        return self.fc(gather_features(self.pre_logits(feats), self.shards))

    def loss(
        self,
        feats: tuple[Tensor, ...],
        data_samples: list[DataSample],
        weight: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Compute the loss of the whole batch, the same on every rank.

        Args:
            feats: features of this rank's samples, in the last entry.
            data_samples: with ``gt_label``.
            weight: weight of each sample of this rank, on every rank or on none.
            **kwargs: none is known.

        Raises:
            TypeError: if the labels are soft, or an argument is unknown.
            ValueError: if the model is not wrapped for several ranks, memory will not
                be enough, a label is out of range, or the ranks have batches of
                different size.
        """
        if kwargs:
            raise TypeError(
                f'`shard_classes` does not know {sorted(kwargs)}: remove it.'
            )
        local = self.pre_logits(feats)
        self._check_start(local)
        features = gather_features(local, self.shards)
        label, counted = self._whole_labels(data_samples)
        if weight is not None:
            weight = self.shards.all_gather(usable_weight(weight))
        columns, correction = None, None
        if self.training and self.negative_rate < 1:
            columns, correction = sample_classes(label, self.shards, self.negative_rate)
        logits = self.fc(features, columns)
        loss = self.loss_module
        each = sharded_losses(
            loss, logits, label, self.shards, weight, counted, columns, correction
        )
        total = loss.reduce(each, weight, loss.reduction, None)
        # Averaged over the ranks, as DistributedDataParallel does with gradients.
        return dict(
            loss=total / self.shards.ranks if loss.reduction == 'sum' else total
        )

    def predict(
        self,
        feats: tuple[Tensor, ...],
        data_samples: list[DataSample] | None = None,
    ) -> list[DataSample]:
        """Best classes of each sample of this rank; see the class."""
        logits = self(feats).float()
        if self._expected:
            self._add_to_class_mass(logits)
            return data_samples or []
        size = len(logits) // self.shards.ranks
        own = slice(self.shards.rank * size, (self.shards.rank + 1) * size)
        if self.class_mass is not None and self.tau:
            logits = logits + self.class_mass.bias(self.tau).to(logits)
        k = min(max(self.topk) if isinstance(self.topk, Sequence) else self.topk,
                self.num_classes)  # fmt: skip
        scores, classes = (v[own] for v in top_classes(logits, k, self.shards))
        samples = data_samples or [DataSample() for _ in range(size)]
        for sample, score, best in zip(samples, scores, classes, strict=True):
            sample.set_pred_label(best[:1])
            sample.set_field(score, 'topk_score')
            sample.set_field(best, 'topk_label')
            sample.set_field(self.num_classes, 'num_classes', field_type='metainfo')
        if all('gt_label' in sample for sample in samples):
            label = torch.cat([s.gt_label for s in samples]).to(logits.device)
            label = self.shards.all_gather(label)
            ranks = label_ranks(logits, label, self.shards)[own]
            for sample, rank in zip(samples, ranks, strict=True):
                sample.set_field(rank.reshape(1), 'label_rank')
        return samples

    def start_class_mass(self, samples: int) -> None:
        """Let predictions add scores to the class mass, in place of predicting.

        Args:
            samples: of all ranks, spread over them one by one. What a sampler adds to
                these, so that ranks have equally many, is not counted.
        """
        self.class_mass, self.tau = ShardedClassMass.empty(self.shards), 0.0
        self._expected, self._added = samples, 0

    def finish_class_mass(self, tau: float) -> None:
        """Re-balance the following predictions by the class mass.

        Args:
            tau: strength, from 0 to 1000.
        """
        self._expected, self.tau = 0, tau

    def _add_to_class_mass(self, logits: Tensor) -> None:
        assert self.class_mass is not None
        ranks = self.shards.ranks
        places = torch.arange(len(logits), device=logits.device)
        rank = places // (len(logits) // ranks)
        within = self._added + places % (len(logits) // ranks)
        self.class_mass.add(logits[within * ranks + rank < self._expected])
        self._added += len(logits) // ranks

    def _whole_labels(self, data_samples: list[DataSample]) -> tuple[Tensor, Tensor]:
        """Labels of all ranks, and whether each is to be counted in statistics."""
        if 'gt_score' in data_samples[0]:
            raise TypeError(
                '`shard_classes` needs class indices, but got soft labels '
                '(`gt_score`): remove mixup and CutMix from the config.'
            )
        label = torch.cat([sample.gt_label for sample in data_samples])
        label = label.to(self.fc.weight.device)
        if label.device.type == 'cpu' and len(label):
            low, high = label.min(), label.max()
            if low < 0 or high >= self.num_classes:
                wrong = int(low if low < 0 else high)
                raise ValueError(
                    f'Label {wrong} is not one of the {self.num_classes} classes: set '
                    '`num_classes` to the number of classes of the data set.'
                )
        counted = torch.ones_like(label)
        padding, size = getattr(self.loss_module, 'padding', (0, 0))
        if padding and size == len(label):
            counted[size - padding :] = 0
        both = self.shards.all_gather(2 * label.long() + counted)
        return both // 2, both % 2 == 1

    def _check_start(self, features: Tensor) -> None:
        """Check, before the first step, what would go wrong later."""
        if self._fits or not self.training:
            return
        self.check_setup(training_is_resumed() is not None)
        cost = StepCost(
            self.num_classes,
            self.in_channels,
            len(features),
            self.shards.ranks,
            features.element_size(),
            self.optimizer_states,
            self.negative_rate,
        )
        held = sum(share.nbytes for _, share, _ in self.shard_tensors())
        check_step_memory(
            cost, self.shards, features.device, held + self.optimizer_bytes
        )
        self._fits = True


def _check_options(
    shard_classes: bool, negative_rate: float, others: dict[str, Any]
) -> None:
    """Refuse options of a head that have no effect, or cannot be."""
    if not shard_classes:
        raise ValueError(
            'A ShardedClsHead shares out its classes, but got shard_classes=False: '
            "use type='mmgala.GALAHead'."
        )
    if not 0 < negative_rate <= 1:
        raise ValueError(
            'Expected `negative_rate` to be above 0 and at most 1, but got '
            f'{negative_rate}. 1 computes the logits of all classes.'
        )
    for name, value in others.items():
        if name not in NEED_ALL_CLASSES:
            raise TypeError(
                f'A head with shard_classes=True has no argument {name!r}: remove it.'
            )
        if value:
            raise ValueError(
                f'{name}={value!r} needs all classes on every rank, which a head with '
                f'shard_classes=True does not have: leave out {name} or shard_classes.'
            )


def _initial_std(init_cfg: dict | None) -> float:
    """Standard deviation of the initial weights."""
    given = init_cfg or {}
    known: dict[str, tuple] = {'type': ('Normal',), 'layer': ('Linear', ['Linear'])}
    if not isinstance(given, dict) or any(
        name != 'std' and value not in known.get(name, ())
        for name, value in given.items()
    ):
        raise ValueError(
            'With shard_classes=True, the only form of `init_cfg` is dict(type='
            f"'Normal', std=STD), but got {given}: write it, or leave init_cfg out."
        )
    std = given.get('std', INITIAL_STD)
    check_not_negative('init_cfg.std', std)
    return std
