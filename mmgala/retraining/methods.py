"""The re-training methods: cRT, LWS, tau-normalisation and nearest class mean."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from rich.console import Console
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

from mmgala.apis.data_splits import build_whole_split
from mmgala.console.consoles import result_on, warn_on
from mmgala.datasets import count_classes
from mmgala.functional.rebalance import class_shares
from mmgala.models.heads.linear_heads import LongTailedClsHead, is_linear_head
from mmgala.models.heads.normalised_heads import ClassMeanLinear, CosineLinear
from mmgala.retraining.closed_form import (
    nearest_class_mean,
    search_norm_tau,
    tau_normalize,
)
from mmgala.retraining.features import FeatureSource, SplitFeatures, cached_features
from mmgala.retraining.options import RetrainOptions, build_loss, corrects_for_counts
from mmgala.retraining.training import (
    Schedule,
    initial_classifier,
    learn_weight_scale,
    train_classifier,
)

CORRECTED_TWICE_WARNING = (
    'WARNING: class-balanced sampling together with a loss that corrects for the class '
    'counts favours the tail twice. Use --sampling instance with {}.'
)


@dataclass
class RetrainingContext:
    """The trained model, its features, and the options of a re-training.

    Attributes:
        source: trained model and its config.
        options: chosen by the user.
        folder: feature cache.
        console: prints progress.
        counts: training images of each class, if known.
        draws: training samples of each class in one epoch, if known; the losses get
            them.
    """

    source: FeatureSource
    options: RetrainOptions
    folder: Path
    console: Console
    counts: list[int] | None = None
    draws: list[int] | None = None
    _loaders: dict[str, DataLoader] = field(default_factory=dict)
    _splits: dict[str, SplitFeatures] = field(default_factory=dict)

    def loader(self, split: str) -> DataLoader:
        """Loader of a whole split, built once."""
        if split not in self._loaders:
            self._loaders[split] = build_whole_split(
                self.source.cfg, split, self.source.classes
            )
        return self._loaders[split]

    def split(self, split: str) -> SplitFeatures:
        """Features and labels of a split, computed once."""
        if split not in self._splits:
            self._splits[split] = cached_features(
                self.source, split, self.loader(split), self.folder, self.console
            )
        return self._splits[split]

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        return self.source.layer.out_features

    @property
    def is_cosine(self) -> bool:
        """Whether the class layer computes cosines, so that norms have no effect."""
        return isinstance(self.source.layer, CosineLinear)

    @property
    def weight(self) -> Tensor:
        """Weight of the trained classifier, ``(C, D)``."""
        return self.source.layer.weight.detach().cpu().float()

    @property
    def bias(self) -> Tensor | None:
        """Bias of the trained classifier, ``(C,)``; ``None`` if it has no bias."""
        bias = self.source.layer.bias
        return None if bias is None else bias.detach().cpu().float()


@dataclass
class Classifier:
    """A new class layer, and how it was obtained.

    Attributes:
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None`` if the layer has no bias.
        chosen: the settings that were used, as plain data.
        loss: the loss that it was trained with, if any.
        loss_cfg: config of this loss.
        layer: replaces the trained model's layer if its type or its settings change;
            otherwise ``None``.
        head: the resulting changes to the config of the head.
    """

    weight: Tensor
    bias: Tensor | None
    chosen: dict[str, Any]
    loss: nn.Module | None = None
    loss_cfg: dict[str, Any] | None = None
    layer: nn.Linear | None = None
    head: dict[str, Any] = field(default_factory=dict)


def logits_of(layer: nn.Linear) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Forward pass of a layer as a function of its parameters.

    Args:
        layer: not modified.

    Returns:
        A function that computes logits ``(N, C)`` from features ``(N, D)``, weight
        ``(C, D)`` and bias ``(C,)`` or ``None``.
    """

    def logits(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        parameters = {'weight': weight} | ({} if bias is None else {'bias': bias})
        return functional_call(layer, parameters, (rows,))

    return logits


def crt(context: RetrainingContext) -> Classifier:
    """Classifier re-training of a new layer, or further training of the old one."""
    split, loss, loss_cfg, schedule = _prepare_training(context, 'crt')
    layer, head = _rescaled_layer(context, loss)
    initial_bias = getattr(loss, 'initial_bias', None)
    weight, bias = train_classifier(
        split.features,
        split.labels,
        _initial_parameters(context, schedule.seed, initial_bias),
        loss,
        schedule,
        device=get_device(),
        console=context.console,
        logits_of=logits_of(layer or context.source.layer),
        decay_bias=initial_bias is None,
    )
    chosen = dict(init=context.options.init or 'new', **_record(loss_cfg, schedule))
    return Classifier(weight, bias, chosen, loss, loss_cfg, layer, head)


def lws(context: RetrainingContext) -> Classifier:
    """Learnable weight scaling; the factors are multiplied into the layer."""
    split, loss, loss_cfg, schedule = _prepare_training(context, 'lws')
    scale = learn_weight_scale(
        split.features,
        split.labels,
        context.weight,
        context.bias,
        loss,
        schedule,
        device=get_device(),
        console=context.console,
    )
    chosen = _record(loss_cfg, schedule)
    chosen['smallest_scale'], chosen['largest_scale'] = map(float, scale.aminmax())
    bias = None if context.bias is None else scale * context.bias
    return Classifier(scale[:, None] * context.weight, bias, chosen, loss, loss_cfg)


def tau_norm(context: RetrainingContext) -> Classifier:
    """Tau-normalisation with the given tau, or the best one on the validation set."""
    tau = context.options.tau
    if tau is None:
        split = context.split('val')
        search = search_norm_tau(
            split.features,
            split.labels,
            context.weight,
            target_prior=target_prior(context),
        )
        result_on(context.console, f'Strength, on the validation set:\n{search}')
        tau = search.tau
    bias = None if context.bias is None else torch.zeros_like(context.bias)
    return Classifier(tau_normalize(context.weight, tau), bias, dict(tau=float(tau)))


def target_prior(context: RetrainingContext) -> Tensor | None:
    """Class shares of the data to predict, ``(C,)``; ``None`` if balanced."""
    given = context.options.target_prior
    if given is None:
        return None
    if given == 'val':
        labels = torch.from_numpy(context.split('val').labels)
        return class_shares(labels.bincount(minlength=context.num_classes))
    if given == 'train':
        counts = context.counts
        if counts is None:
            counts = count_classes(context.loader('train').dataset, context.num_classes)
        return class_shares(counts)
    return torch.as_tensor(given, dtype=torch.float64)


def ncm(context: RetrainingContext) -> Classifier:
    """Nearest class mean."""
    distance = context.options.distance or 'cl2n'
    head = _class_mean_head(context) if distance == 'cl2n' else {}
    if context.bias is None:
        name = context.source.layer_name
        raise ValueError(f'ncm needs a class layer with a bias, but {name} has none.')
    split = context.split('train')
    weight, bias, center = nearest_class_mean(
        split.features, split.labels, context.num_classes, distance
    )
    empty = [c for c, count in enumerate(context.counts or []) if count == 0]
    if empty:
        warn_on(
            context.console,
            f'{len(empty)} classes have no training samples (the first is class '
            f'{empty[0]}): they are never predicted.',
        )
    layer = None
    if center is not None:
        layer = ClassMeanLinear(len(center), context.num_classes)
        layer.center.copy_(center)
    return Classifier(weight, bias, dict(distance=distance), layer=layer, head=head)


METHOD_FUNCTIONS: dict[str, Callable[[RetrainingContext], Classifier]] = {
    'crt': crt,
    'lws': lws,
    'tau-norm': tau_norm,
    'ncm': ncm,
}


def _prepare_training(
    context: RetrainingContext, method: str
) -> tuple[SplitFeatures, nn.Module, dict[str, Any], Schedule]:
    """Training features, loss with its config, and schedule of ``crt`` or ``lws``."""
    if not hasattr(getattr(context.source.model, 'head', None), 'loss_module'):
        raise ValueError(
            f'{method} stores its loss in the head, but the head of this model has no '
            '`loss_module`: use tau-norm or ncm.'
        )
    loss, loss_cfg = build_loss(
        context.options.loss, context.num_classes, context.draws or []
    )
    corrects = corrects_for_counts(loss)
    if corrects and context.options.sampling == 'class':
        warn_on(context.console, CORRECTED_TWICE_WARNING.format(type(loss).__name__))
    split = context.split('train')
    schedule = context.options.schedule(
        method, len(split.labels), 'instance' if corrects else 'class'
    )
    return split, loss, loss_cfg, schedule


def _initial_parameters(
    context: RetrainingContext, seed: int, initial_bias: float | None
) -> tuple[Tensor, Tensor | None]:
    """Weight and bias that ``crt`` starts from."""
    if context.options.init == 'trained':
        return context.weight, context.bias
    num_features = context.weight.shape[1]
    weight, bias = initial_classifier(
        context.num_classes, num_features, seed, context.bias is not None
    )
    if context.is_cosine:  # a step turns a short vector further than a long one
        weight = normalize(weight)
    if bias is not None and initial_bias is not None:
        bias = torch.full_like(bias, initial_bias)
    return weight, bias


def _rescaled_layer(
    context: RetrainingContext, loss: nn.Module
) -> tuple[nn.Linear | None, dict[str, Any]]:
    """A cosine layer with the scale of the loss, and the change to the head's config.

    Margins in units of the cosine require layer and loss to have the same scale.
    """
    old, scale = context.source.layer, getattr(loss, 'scale', None)
    if not isinstance(old, CosineLinear) or scale in (None, old.scale):
        return None, {}
    context.console.print(
        f'The scale of the cosine layer is set to that of the loss, {scale:g}.'
    )
    layer = copy.deepcopy(old)
    layer.scale = scale
    return layer, dict(scale=scale)


def _class_mean_head(context: RetrainingContext) -> dict[str, Any]:
    """Changes that turn the config of a linear head into that of a class-mean head."""
    head: Any = getattr(context.source.model, 'head', None)
    linear = is_linear_head(type(head)) and type(head.fc) is nn.Linear
    if not linear or context.source.layer is not head.fc:
        raise ValueError(
            'ncm on centred and normalised features replaces a linear head, but this '
            f'is {context.source.layer_name} in a {type(head).__name__}: choose '
            '--distance euclidean or cosine.'
        )
    changes: dict[str, Any] = dict(type='mmgala.ClassMeanClsHead')
    has_loss = 'loss' in context.source.cfg.model.head
    if isinstance(head, LongTailedClsHead) and not has_loss:
        changes['loss'] = dict(head.default_loss)
    return changes


def _record(loss_cfg: dict[str, Any], schedule: Schedule) -> dict[str, Any]:
    """Settings of a training as plain data."""
    return dict(loss={**loss_cfg, 'type': str(loss_cfg['type'])}, **asdict(schedule))
