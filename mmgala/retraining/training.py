r"""Classifiers that are trained on features: cRT and LWS.

Both are of Kang et al., *Decoupling Representation and Classifier for Long-Tailed
Recognition*, ICLR 2020 (arXiv 1910.09217), section 4.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from mmgala.datasets.samplers.class_balanced import share_out
from mmgala.datasets.samplers.samples_by_class import SamplesByClass
from mmgala.retraining.feature_file import Features

SAMPLINGS = ('class', 'instance')
MOMENTUM = 0.9
INITIAL_STD = 0.01  # of MMPretrain's linear heads
# Values, 64 MB: so many are read at once, which is faster than row by row.
IN_MEMORY = 2**24


@dataclass(frozen=True)
class Schedule:
    """How a classifier is trained: SGD with momentum 0.9, cosine from ``lr`` to 0.

    Defaults are the paper's for ImageNet-LT.

    Attributes:
        epochs: each draws as many samples as there are.
        lr: learning rate at the start.
        batch_size: samples of a step.
        weight_decay: of all that is trained.
        sampling: ``'class'``, every class alike, or ``'instance'``, every sample alike.
        seed: of the initial weights, the order of samples, and what a loss draws.
    """

    epochs: int = 10
    lr: float = 0.2
    batch_size: int = 512
    weight_decay: float = 5e-4
    sampling: str = 'class'
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('epochs', 'batch_size'):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f'Expected `{name}` to be an integer of 1 or more, but got '
                    f'{value!r}.'
                )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(
                f'Expected `seed` to be an integer of 0 or more, but got {self.seed!r}.'
            )
        if not 0 < self.lr < math.inf:
            raise ValueError(f'Expected `lr` to be above 0, but got {self.lr}.')
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(
                f'Expected `weight_decay` to be 0 or more, but got {self.weight_decay}.'
            )
        if self.sampling not in SAMPLINGS:
            raise ValueError(
                f'Expected `sampling` to be one of {SAMPLINGS}, but got '
                f'{self.sampling!r}.'
            )


class SampleOrder:
    """Order of the samples in each epoch, as ``ClassBalancedSampler`` draws them.

    Unlike that, it draws no samples of a class that has none, and goes on.

    Args:
        labels: ``(N,)``.
        num_classes: C.
        sampling: ``'class'`` or ``'instance'``.
        seed: of the orders.
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
        draws = share_out(int(self.classes.counts.sum()), self.weights, rng)
        return rng.permutation(self.classes.draw(draws, rng))


class _Labelled:
    """Labels in the shape of a data set."""

    def __init__(self, labels: np.ndarray, num_classes: int) -> None:
        self.labels = labels
        self.metainfo = dict(classes=tuple(map(str, range(num_classes))))

    def __len__(self) -> int:
        return len(self.labels)

    def get_gt_labels(self) -> np.ndarray:
        return self.labels


def initial_classifier(
    num_classes: int,
    num_features: int,
    seed: int,
    bias: bool = True,
    std: float = INITIAL_STD,
) -> tuple[Tensor, Tensor | None]:
    """A classifier as MMPretrain's linear heads begin: normal weight, bias 0."""
    rng = torch.Generator().manual_seed(seed)
    weight = std * torch.randn(num_classes, num_features, generator=rng)
    return weight, torch.zeros(num_classes) if bias else None


def train_classifier(
    features: Features,
    labels: np.ndarray,
    num_classes: int,
    loss: nn.Module,
    schedule: Schedule,
    bias: bool = True,
    device: str = 'cpu',
    console: Console | None = None,
    logits_of: Callable[[Tensor, Tensor, Tensor | None], Tensor] = F.linear,
    initial_std: float = INITIAL_STD,
) -> tuple[Tensor, Tensor | None]:
    """Classifier re-training (cRT): a new linear layer on fixed features.

    Args:
        features: of the training set, ``(N, D)``.
        labels: ``(N,)`` int64.
        num_classes: C.
        loss: called as MMPretrain's heads do; its state moves on.
        schedule: of the training.
        bias: whether the layer has one.
        device: to train on.
        console: to show progress on. Defaults to none.
        logits_of: logits ``(N, C)`` from features, weight and bias. Defaults to those
            of a linear layer.
        initial_std: standard deviation of the weight at the start.

    Returns:
        Weight ``(C, D)`` and bias ``(C,)`` or ``None``, on the CPU.

    Raises:
        ValueError: if the training diverges.
    """
    start = initial_classifier(
        num_classes, features.shape[1], schedule.seed, bias, initial_std
    )
    trained = [nn.Parameter(t.to(device)) for t in start if t is not None]

    def logits(rows: Tensor) -> Tensor:
        return logits_of(rows, trained[0], trained[1] if bias else None)

    order = SampleOrder(labels, num_classes, schedule.sampling, schedule.seed)
    _train(features, labels, logits, trained, loss, schedule, order, console)
    weight, *rest = (parameter.detach().cpu() for parameter in trained)
    return weight, rest[0] if rest else None


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
    code, the bias is scaled, too, :math:`f` begins with 1, and weight decay pulls it
    to 0.

    Args:
        features: of the training set, ``(N, D)``.
        labels: ``(N,)`` int64.
        weight: of the trained classifier, ``(C, D)``.
        bias: ``(C,)``, or ``None``.
        loss: called as MMPretrain's heads do; its state moves on.
        schedule: of the training.
        device: to train on.
        console: to show progress on. Defaults to none.

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
    _train(features, labels, logits, [scale], loss, schedule, order, console)
    return scale.detach().cpu()


def _train(
    features: Features,
    labels: np.ndarray,
    logits: Callable[[Tensor], Tensor],
    trained: Sequence[nn.Parameter],
    loss: nn.Module,
    schedule: Schedule,
    order: SampleOrder,
    console: Console | None,
) -> None:
    """Minimise a loss of logits over batches of features."""
    device = trained[0].device
    if features.shape[0] * features.shape[1] <= IN_MEMORY:
        features = torch.as_tensor(features[slice(None)])
    loss.to(device).train()
    optimizer = torch.optim.SGD(
        [*trained, *loss.parameters()],
        lr=schedule.lr,
        momentum=MOMENTUM,
        weight_decay=schedule.weight_decay,
    )
    steps = schedule.epochs * math.ceil(len(labels) / schedule.batch_size)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    batches = track(
        _batches(order, schedule), 'Training', total=steps,
        console=console or Console(quiet=True),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(schedule.seed)  # for what a loss draws
        for batch in batches:
            rows = torch.as_tensor(features[batch]).to(device)
            target = torch.as_tensor(labels[batch]).to(device)
            value = loss(logits(rows), target, avg_factor=len(batch))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            decay.step()
    loss.eval()
    if not all(bool(parameter.isfinite().all()) for parameter in trained):
        raise ValueError(f'The training diverged: try a --lr below {schedule.lr:g}.')


def _batches(order: SampleOrder, schedule: Schedule) -> Iterator[np.ndarray]:
    """Indices of each batch; sorted, as a disk is read best."""
    for epoch in range(schedule.epochs):
        indices = order.of_epoch(epoch)
        for start in range(0, len(indices), schedule.batch_size):
            yield np.sort(indices[start : start + schedule.batch_size])
