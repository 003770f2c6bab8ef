"""The methods, applied to a model's features."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from mmengine.device import get_device
from torch import nn

from mmgala.retraining.feature_cache import Split
from mmgala.retraining.job import Classifier, Job
from mmgala.retraining.losses import build_loss, corrects_for_counts
from mmgala.retraining.methods import (
    nearest_class_mean,
    search_norm_tau,
    tau_normalize,
)
from mmgala.retraining.training import (
    INITIAL_STD,
    Schedule,
    learn_weight_scale,
    train_classifier,
)

TWICE = (
    'WARNING: class-balanced sampling, and a loss that makes up for the training '
    "set's class counts: the tail is favoured twice. Use --sampling instance with {}."
)


def crt(job: Job) -> Classifier:
    """Classifier re-training, by a new layer of the old one's kind."""
    split, loss, loss_cfg, schedule = _prepare(job, 'crt')
    weight, bias = train_classifier(
        split.features,
        split.labels,
        job.num_classes,
        loss,
        schedule,
        bias=job.bias is not None,
        device=get_device(),
        console=job.console,
        logits_of=job.logits,
        # Steps turn short vectors of a cosine by much, and longer ones by little.
        initial_std=job.weight.shape[1] ** -0.5 if job.is_cosine else INITIAL_STD,
    )
    return Classifier(weight, bias, _record(loss_cfg, schedule), loss, loss_cfg)


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
    if job.bias is None:
        raise ValueError(
            f'ncm needs a class layer with a bias, but {job.source.layer_name} has '
            'none.'
        )
    split = job.split('train')
    distance = job.options.distance or 'euclidean'
    weight, bias = nearest_class_mean(
        split.features, split.labels, job.num_classes, distance
    )
    empty = [c for c, count in enumerate(job.counts or []) if count == 0]
    if empty:
        job.console.print(
            f'{len(empty)} classes have no training samples, class {empty[0]} first: '
            'they are never predicted.'
        )
    return Classifier(weight, bias, dict(distance=distance))


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
