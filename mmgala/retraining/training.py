r"""Classifiers trained on features: cRT and LWS.

Both are of Kang et al., *Decoupling Representation and Classifier for Long-Tailed
Recognition*, ICLR 2020 (arXiv 1910.09217), section 4.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

from mmgala.console.consoles import tracked
from mmgala.datasets.samplers.class_samplers import proportional_counts
from mmgala.datasets.samplers.epoch_sampler import SamplesByClass
from mmgala.functional.checks import (
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
)
from mmgala.retraining.features import Features

SAMPLINGS = ('class', 'instance')
MOMENTUM = 0.9
CHECK_INTERVAL = 100  # steps between checks of the loss, for which the device waits
# Number of values (64 MB): smaller files are read as a whole, which is faster.
IN_MEMORY = 2**24


@dataclass(frozen=True)
class Schedule:
    """Schedule of SGD with momentum 0.9 and cosine annealing.

    Epoch e of E, counted from 0, has a learning rate of ``lr`` (1 + cos(pi e / E)) / 2:
    the first has ``lr``, and one after the last would have 0. (The authors step their
    scheduler before each epoch. Up to PyTorch 1.0 this gives the same rates; later
    versions skip the first, and train the last epoch with 0.)

    Defaults are the authors' for ImageNet-LT.

    Attributes:
        epochs: number of epochs; each draws as many samples as the set has.
        lr: learning rate of the first epoch.
        batch_size: samples per step.
        weight_decay: weight decay of all trained parameters.
        sampling: ``'class'`` draws every class equally often, ``'instance'`` every
            sample.
        seed: seed of the initial weights, the order of samples, and losses with noise.
    """

    epochs: int = 10
    lr: float = 0.2
    batch_size: int = 512
    weight_decay: float = 5e-4
    sampling: str = 'class'
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (('epochs', 1), ('batch_size', 1), ('seed', 0)):
            check_whole(name, getattr(self, name), least)
        check_positive('lr', self.lr)
        check_not_negative('weight_decay', self.weight_decay)
        check_choice('sampling', self.sampling, SAMPLINGS)

    def lr_of(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        return self.lr * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


class SampleOrder:
    """Order of the samples in each epoch, drawn as in ``ClassBalancedSampler``.

    Unlike that sampler, it accepts classes without samples.

    Args:
        labels: ``(N,)``.
        num_classes: C, the number of classes.
        sampling: ``'class'`` or ``'instance'``.
        seed: seed of the orders.
    """

    def __init__(
        self, labels: np.ndarray, num_classes: int, sampling: str, seed: int
    ) -> None:
        self.classes = SamplesByClass(_Labelled(labels, num_classes))
        counts = self.classes.counts
        share = counts if sampling == 'instance' else counts > 0
        self.weights = share.astype(np.float64)
        self.seed = seed

    def of_epoch(self, epoch: int) -> np.ndarray:
        """``(N,)`` indices; with ``'instance'``, every sample once."""
        rng = np.random.default_rng((self.seed, epoch))
        draws = proportional_counts(int(self.classes.counts.sum()), self.weights, rng)
        return rng.permutation(self.classes.draw(draws, rng))


class _Labelled:
    """Data set that consists of labels only."""

    def __init__(self, labels: np.ndarray, num_classes: int) -> None:
        self.labels = labels
        self.metainfo = dict(classes=tuple(map(str, range(num_classes))))

    def __len__(self) -> int:
        return len(self.labels)

    def get_gt_labels(self) -> np.ndarray:
        return self.labels


def initial_classifier(
    num_classes: int, num_features: int, seed: int, bias: bool = True
) -> tuple[Tensor, Tensor | None]:
    """A new classifier, initialised like ``torch.nn.Linear``, as the authors do.

    Args:
        num_classes: C, the number of classes.
        num_features: D, the width of the features.
        seed: seed of the initial values.
        bias: whether it has a bias.

    Returns:
        Weight ``(C, D)`` and bias ``(C,)``, uniform between plus and minus D^-1/2.
    """
    rng = torch.Generator().manual_seed(seed)
    limit = num_features**-0.5
    weight = torch.empty(num_classes, num_features)
    weight.uniform_(-limit, limit, generator=rng)
    if not bias:
        return weight, None
    return weight, torch.empty(num_classes).uniform_(-limit, limit, generator=rng)


def train_classifier(
    features: Features,
    labels: np.ndarray,
    start: tuple[Tensor, Tensor | None],
    loss: nn.Module,
    schedule: Schedule,
    device: str = 'cpu',
    console: Console | None = None,
    logits_of: Callable[[Tensor, Tensor, Tensor | None], Tensor] = F.linear,
    decay_bias: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Classifier re-training (cRT): a linear layer on fixed features.

    Args:
        features: features of the training set, ``(N, D)``.
        labels: ``(N,)`` int64.
        start: weight ``(C, D)`` and bias ``(C,)`` or ``None`` to begin with, as from
            :func:`initial_classifier`.
        loss: called like the losses of MMPretrain; its statistics are updated.
        schedule: schedule of the training.
        device: device to train on.
        console: prints the progress. By default, nothing is printed.
        logits_of: logits ``(N, C)`` from features, weight and bias. Defaults to those
            of a linear layer.
        decay_bias: whether weight decay applies to the bias.

    Returns:
        Weight ``(C, D)`` and bias ``(C,)`` or ``None``, on the CPU.

    Raises:
        ValueError: if the training diverges.
    """
    weight, bias = (
        None if tensor is None else nn.Parameter(tensor.detach().clone().to(device))
        for tensor in start
    )
    assert weight is not None
    groups: list[dict[str, Any]] = [dict(params=[weight])]
    if bias is not None:
        groups.append(dict(params=[bias]))
        if not decay_bias:
            groups[-1]['weight_decay'] = 0.0

    def logits(rows: Tensor) -> Tensor:
        return logits_of(rows, weight, bias)

    order = SampleOrder(labels, len(weight), schedule.sampling, schedule.seed)
    _train(features, labels, logits, groups, loss, schedule, order, console)
    return weight.detach().cpu(), None if bias is None else bias.detach().cpu()


def learn_weight_scale(
    features: Features,
    labels: np.ndarray,
    weight: Tensor,
    bias: Tensor | None,
    loss: nn.Module,
    schedule: Schedule,
    device: str = 'cpu',
    console: Console | None = None,
) -> Tensor:
    r"""Learnable weight scaling (LWS): one factor per class, all else fixed.

    The logit of class j becomes :math:`f_j (w_j \cdot x + b_j)`. As in the authors'
    code, the bias is scaled as well, :math:`f` starts at 1, and weight decay pulls it
    towards 0.

    Args:
        features: features of the training set, ``(N, D)``.
        labels: ``(N,)`` int64.
        weight: of the trained classifier, ``(C, D)``.
        bias: ``(C,)``, or ``None``.
        loss: called like the losses of MMPretrain; its statistics are updated.
        schedule: schedule of the training.
        device: device to train on.
        console: prints the progress. By default, nothing is printed.

    Returns:
        :math:`f`, ``(C,)``, on the CPU.

    Raises:
        ValueError: if the training diverges.
    """
    weight = weight.to(device)
    bias = None if bias is None else bias.to(device)
    scale = nn.Parameter(torch.ones(len(weight), device=device))

    def logits(rows: Tensor) -> Tensor:
        return scale * F.linear(rows, weight, bias)

    order = SampleOrder(labels, len(weight), schedule.sampling, schedule.seed)
    groups = [dict(params=[scale])]
    _train(features, labels, logits, groups, loss, schedule, order, console)
    return scale.detach().cpu()


def _train(
    features: Features,
    labels: np.ndarray,
    logits: Callable[[Tensor], Tensor],
    groups: Sequence[dict[str, Any]],
    loss: nn.Module,
    schedule: Schedule,
    order: SampleOrder,
    console: Console | None,
) -> None:
    """Minimise a loss of logits over batches of features.

    ``groups`` are the parameter groups of the optimizer.
    """
    trained = [parameter for group in groups for parameter in group['params']]
    device = trained[0].device
    if features.shape[0] * features.shape[1] <= IN_MEMORY:
        features = torch.as_tensor(features[slice(None)])
    loss.to(device).train()
    optimizer = torch.optim.SGD(
        [*groups, dict(params=list(loss.parameters()))],
        lr=schedule.lr,
        momentum=MOMENTUM,
        weight_decay=schedule.weight_decay,
    )
    steps = schedule.epochs * math.ceil(len(labels) / schedule.batch_size)
    batches = tracked(
        _batches(order, schedule), 'Training', total=steps,
        console=console or Console(quiet=True),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(schedule.seed)  # for losses with noise
        for step, (epoch, batch) in enumerate(batches, start=1):
            for group in optimizer.param_groups:
                group['lr'] = schedule.lr_of(epoch)
            rows = torch.as_tensor(features[batch]).to(device)
            target = torch.as_tensor(labels[batch]).to(device)
            value = loss(logits(rows), target, avg_factor=len(batch))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            if step % CHECK_INTERVAL == 0 or step == steps:
                _check_finite(value.item(), trained, step, loss, schedule.lr)
    loss.eval()


def _check_finite(
    value: float, trained: Sequence[Tensor], step: int, loss: nn.Module, lr: float
) -> None:
    """End a training whose loss or parameters are not finite."""
    finite = all(bool(parameter.isfinite().all()) for parameter in trained)
    if not finite or not math.isfinite(value):
        raise ValueError(
            f'The training diverged: after {step} steps {type(loss).__name__} is '
            f'{value:g}. Try a --lr below {lr:g}.'
        )


def _batches(
    order: SampleOrder, schedule: Schedule
) -> Iterator[tuple[int, np.ndarray]]:
    """Epoch and indices of each batch; sorted indices are fastest to read."""
    for epoch in range(schedule.epochs):
        indices = order.of_epoch(epoch)
        for start in range(0, len(indices), schedule.batch_size):
            yield epoch, np.sort(indices[start : start + schedule.batch_size])
