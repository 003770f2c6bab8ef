"""The methods of re-training, applied to the features of a model."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmpretrain.models.heads import LinearClsHead
from rich.console import Console
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

from mmgala.apis.inference import build_whole_split
from mmgala.models.heads.class_mean_head import ClassMeanLinear
from mmgala.models.heads.cosine_head import CosineLinear
from mmgala.models.heads.gala_head import GALAHead
from mmgala.retraining.closed_form import (
    nearest_class_mean,
    search_norm_tau,
    tau_normalize,
)
from mmgala.retraining.feature_cache import Source, Split, cached_features
from mmgala.retraining.options import RetrainOptions, build_loss, corrects_for_counts
from mmgala.retraining.training import (
    Schedule,
    initial_classifier,
    learn_weight_scale,
    train_classifier,
)


@dataclass
class Classifier:
    """A class layer, and what there is to tell of it.

    Attributes:
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None`` where the layer has none.
        chosen: what was used, plain data.
        loss: that it was trained with, if any.
        loss_cfg: its config.
        layer: of another kind or setting than the trained model's, to be used with
            weight and bias; ``None`` where it is the trained model's.
        head: what this changes in the config of the head.
    """

    weight: Tensor
    bias: Tensor | None
    chosen: dict[str, Any]
    loss: nn.Module | None = None
    loss_cfg: dict[str, Any] | None = None
    layer: nn.Linear | None = None
    head: dict[str, Any] = field(default_factory=dict)


def logits_of(layer: nn.Linear) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Logits that a layer would give with another weight and bias.

    Args:
        layer: used, but not changed.

    Returns:
        A function of rows ``(N, D)``, weight ``(C, D)`` and bias ``(C,)`` or ``None``.
    """

    def logits(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        parameters = {'weight': weight} | ({} if bias is None else {'bias': bias})
        return functional_call(layer, parameters, (rows,))

    return logits


@dataclass
class Job:
    """One re-training.

    Attributes:
        source: model and data.
        options: of the user.
        folder: of the cached features.
        console: for progress.
        counts: training samples of each class, where known.
    """

    source: Source
    options: RetrainOptions
    folder: Path
    console: Console
    counts: list[int] | None = None
    _loaders: dict[str, DataLoader] = field(default_factory=dict)
    _splits: dict[str, Split] = field(default_factory=dict)

    def loader(self, split: str) -> DataLoader:
        """Loader of a whole split, built once."""
        if split not in self._loaders:
            self._loaders[split] = build_whole_split(self.source.cfg, split)
        return self._loaders[split]

    def split(self, split: str) -> Split:
        """Features and labels of a split, computed once."""
        if split not in self._splits:
            self._splits[split] = cached_features(
                self.source, split, self.loader(split), self.folder, self.console
            )
        return self._splits[split]

    @property
    def num_classes(self) -> int:
        """C."""
        return self.source.layer.out_features

    @property
    def is_cosine(self) -> bool:
        """Whether the class layer gives cosines, so that lengths do not count."""
        return isinstance(self.source.layer, CosineLinear)

    @property
    def weight(self) -> Tensor:
        """Weight of the trained classifier, ``(C, D)``."""
        return self.source.layer.weight.detach().cpu().float()

    @property
    def bias(self) -> Tensor | None:
        """Its bias, ``(C,)``, or ``None``."""
        bias = self.source.layer.bias
        return None if bias is None else bias.detach().cpu().float()


TWICE = (
    'WARNING: class-balanced sampling, and a loss that makes up for the training '
    "set's class counts: the tail is favoured twice. Use --sampling instance with {}."
)


def crt(job: Job) -> Classifier:
    """Classifier re-training: a new layer of the old one's kind, or the old one."""
    split, loss, loss_cfg, schedule = _prepare(job, 'crt')
    layer, head = _layer_for(job, loss)
    start_bias = getattr(loss, 'initial_bias', None)
    weight, bias = train_classifier(
        split.features,
        split.labels,
        _start(job, schedule.seed, start_bias),
        loss,
        schedule,
        device=get_device(),
        console=job.console,
        logits_of=logits_of(layer or job.source.layer),
        decay_bias=start_bias is None,
    )
    chosen = dict(init=job.options.init or 'new', **_record(loss_cfg, schedule))
    return Classifier(weight, bias, chosen, loss, loss_cfg, layer, head)


def _start(
    job: Job, seed: int, start_bias: float | None
) -> tuple[Tensor, Tensor | None]:
    """Weight and bias that a training of the classifier begins with."""
    if job.options.init == 'trained':
        return job.weight, job.bias
    width = job.weight.shape[1]
    weight, bias = initial_classifier(
        job.num_classes, width, seed, job.bias is not None
    )
    if job.is_cosine:  # steps turn short vectors by much, and longer ones by little
        weight = normalize(weight)
    if bias is not None and start_bias is not None:
        bias = torch.full_like(bias, start_bias)
    return weight, bias


def _layer_for(job: Job, loss: nn.Module) -> tuple[nn.Linear | None, dict[str, Any]]:
    """A cosine layer with the scale of the loss, and what that changes in the head.

    Margins in units of the cosine need one scale. Nothing where it is so already.
    """
    old, scale = job.source.layer, getattr(loss, 'scale', None)
    if not isinstance(old, CosineLinear) or scale in (None, old.scale):
        return None, {}
    job.console.print(f'The scale of the cosines becomes that of the loss, {scale:g}.')
    layer = copy.deepcopy(old)
    layer.scale = scale
    return layer, dict(scale=scale)


def lws(job: Job) -> Classifier:
    """Learnable weight scaling; the scale goes into the layer."""
    split, loss, loss_cfg, schedule = _prepare(job, 'lws')
    scale = learn_weight_scale(
        split.features,
        split.labels,
        job.weight,
        job.bias,
        loss,
        schedule,
        device=get_device(),
        console=job.console,
    )
    chosen = _record(loss_cfg, schedule)
    chosen['smallest_scale'], chosen['largest_scale'] = map(float, scale.aminmax())
    bias = None if job.bias is None else scale * job.bias
    return Classifier(scale[:, None] * job.weight, bias, chosen, loss, loss_cfg)


def tau_norm(job: Job) -> Classifier:
    """Tau-normalisation, with the strength that was given or is best on validation."""
    tau = job.options.tau
    if tau is None:
        split = job.split('val')
        search = search_norm_tau(split.features, split.labels, job.weight)
        job.console.print(f'Strength, on the validation set:\n{search}')
        tau = search.tau
    bias = None if job.bias is None else torch.zeros_like(job.bias)
    return Classifier(tau_normalize(job.weight, tau), bias, dict(tau=float(tau)))


def ncm(job: Job) -> Classifier:
    """Nearest class mean."""
    distance = job.options.distance or 'cl2n'
    head = _head_of_means(job) if distance == 'cl2n' else {}
    if job.bias is None:
        raise ValueError(
            f'ncm needs a class layer with a bias, but {job.source.layer_name} has '
            'none.'
        )
    split = job.split('train')
    weight, bias, center = nearest_class_mean(
        split.features, split.labels, job.num_classes, distance
    )
    empty = [c for c, count in enumerate(job.counts or []) if count == 0]
    if empty:
        job.console.print(
            f'{len(empty)} classes have no training samples, class {empty[0]} first: '
            'they are never predicted.'
        )
    layer = None
    if center is not None:
        layer = ClassMeanLinear(len(center), job.num_classes)
        layer.center.copy_(center)
    return Classifier(weight, bias, dict(distance=distance), layer=layer, head=head)


def _head_of_means(job: Job) -> dict[str, Any]:
    """What turns the config of a linear head into that of a head of class means.

    Raises:
        ValueError: if the head is of another kind.
    """
    head: Any = getattr(job.source.model, 'head', None)
    linear = type(head) in (LinearClsHead, GALAHead)
    if not linear or job.source.layer is not head.fc:
        raise ValueError(
            'ncm on centred and normalised features needs a head of its own in place '
            f'of a LinearClsHead or GALAHead, but this is {job.source.layer_name} in a '
            f'{type(head).__name__}: choose --distance euclidean or cosine.'
        )
    changes: dict[str, Any] = dict(type='mmgala.ClassMeanClsHead')
    if type(head) is GALAHead and 'loss' not in job.source.cfg.model.head:
        changes['loss'] = dict(type='mmgala.GALALoss')  # its default
    return changes


FIT: dict[str, Callable[[Job], Classifier]] = {
    'crt': crt,
    'lws': lws,
    'tau-norm': tau_norm,
    'ncm': ncm,
}


def _prepare(
    job: Job, method: str
) -> tuple[Split, nn.Module, dict[str, Any], Schedule]:
    """Features, loss with its config, and schedule of a training."""
    if not hasattr(getattr(job.source.model, 'head', None), 'loss_module'):
        raise ValueError(
            f'{method} stores its loss in the head, but that of this model has none of '
            'its own (`loss_module`): use tau-norm or ncm.'
        )
    loss, loss_cfg = build_loss(job.options.loss, job.num_classes, job.counts or [])
    corrects = corrects_for_counts(loss)
    if corrects and job.options.sampling == 'class':
        job.console.print(TWICE.format(type(loss).__name__))
    split = job.split('train')
    schedule = job.options.schedule(
        method, len(split.labels), 'instance' if corrects else 'class'
    )
    return split, loss, loss_cfg, schedule


def _record(loss_cfg: dict[str, Any], schedule: Schedule) -> dict[str, Any]:
    """What was used, as plain data."""
    return dict(loss={**loss_cfg, 'type': str(loss_cfg['type'])}, **asdict(schedule))
