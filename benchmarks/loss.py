"""Cost of every loss, statistics included, against cross-entropy.

Measures forward and backward pass and (GALA, Seesaw) the update of the statistics, with
losses taking turns, and reports medians of the pairwise ratios. As the number of
classes grows at a fixed batch size, the time per logit reveals costs above O(C). Also
measures the time that GALA adds to a ResNet-50 training step.
"""

import argparse
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

warnings.simplefilter('ignore')  # of libraries, while they are imported

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from rich.table import Table  # noqa: E402
from runs import CONSOLE  # noqa: E402
from torch.utils.benchmark import Timer  # noqa: E402
from torchvision.models import resnet50  # noqa: E402

import mmgala.models  # noqa: E402, F401  (registers the losses)
from mmgala import losses  # noqa: E402
from mmgala.functional import (  # noqa: E402
    gala_margin,
    logit_gradient_sums,
    long_tailed_counts,
)
from mmgala.losses import GALALoss  # noqa: E402
from mmgala.registry import MODELS  # noqa: E402
from mmgala.utils.environment import describe_devices, describe_machine  # noqa: E402
from mmgala.utils.files import write_json  # noqa: E402

SHAPES = ((64, 100), (256, 1000), (256, 2000), (256, 4000), (256, 8142))
# By names such as vector_scaling.
LOSSES = {
    re.sub(r'(?<=[a-z])(?=[A-Z])', '_', name.removesuffix('Loss')).lower(): kind
    for name, kind in vars(losses).items()
    if name in MODELS.module_dict
}
OUT = Path(__file__).resolve().parent / 'results' / 'loss.json'


class ObviousGALA(GALALoss):
    """The formula as published, to measure what the identities in GALALoss save."""

    def forward(self, cls_score, label):  # type: ignore[override]
        adjusted = cls_score + gala_margin(self.pos_grad, self.neg_grad, label)
        pos, neg = logit_gradient_sums(adjusted.detach(), label)
        self.pos_grad += pos
        self.neg_grad += neg
        return F.cross_entropy(adjusted, label)


def build_losses(num_classes: int, device: str) -> dict[str, Callable]:
    """Build every loss, for long-tailed class counts."""
    counts = long_tailed_counts(num_classes, 1280, 256)
    built = {name: loss(num_classes) for name, loss in LOSSES.items()}
    built['obvious'] = ObviousGALA(num_classes)
    built['ldam_reweighted'] = losses.LDAMLoss(num_classes)
    built['ldam_reweighted'].reweighting = True
    for loss in built.values():
        if isinstance(loss, losses.ClassCountsLoss):
            loss.set_class_counts(counts)
    modules = {name: loss.to(device) for name, loss in built.items()}
    return dict(cross_entropy=F.cross_entropy, **modules)


def step(loss: Callable, logits: torch.Tensor, target: torch.Tensor) -> None:
    logits.grad = None
    loss(logits, target).backward()


def compare(
    shape: tuple[int, int], device: str, rounds: int, only: tuple[str, ...] = ()
) -> dict:
    """Median seconds of each loss and median ratios to cross-entropy."""
    num_samples, num_classes = shape
    # As in a training that has freed larger activations: from now on, the C library
    # reuses blocks of this size instead of requesting new pages every time.
    torch.ones(30 * 2**18)
    logits = torch.randn(shape, device=device, requires_grad=True)
    target = torch.randint(num_classes, (num_samples,), device=device)
    timers = {
        name: Timer('step(loss, logits, target)', globals=dict(
            step=step, loss=loss, logits=logits, target=target),
            num_threads=torch.get_num_threads())
        for name, loss in build_losses(num_classes, device).items()
        if not only or name in only
    }  # fmt: skip
    repeats = max(5, int(0.02 / timers['cross_entropy'].timeit(10).mean))
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(repeats).mean)
    result: dict = dict(shape=shape, device=device)
    for name, times in seconds.items():
        pairs = zip(times, seconds['cross_entropy'], strict=True)
        result[name] = dict(
            microseconds=round(1e6 * median(times), 1),
            nanoseconds_per_logit=round(1e9 * median(times) / logits.numel(), 3),
            ratio=round(median(own / ce for own, ce in pairs), 3),
        )
    return result


def resnet_share(device: str, batch: int, rounds: int) -> dict:
    """Time that GALA adds to a ResNet-50 step, in percent of the step."""
    model = resnet50().to(device).train()
    images = torch.randn(batch, 3, 224, 224, device=device)
    target = torch.randint(1000, (batch,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def train_step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), target).backward()
        optimizer.step()

    timer = Timer(
        'f()', globals=dict(f=train_step), num_threads=torch.get_num_threads()
    )
    timer.timeit(1)
    seconds = median(timer.timeit(1).mean for _ in range(rounds))
    row = compare((batch, 1000), device, 15, only=('cross_entropy', 'gala'))
    extra = row['gala']['microseconds'] - row['cross_entropy']['microseconds']
    return dict(
        device=device,
        batch=batch,
        step_milliseconds=round(1e3 * seconds, 2),
        extra_microseconds=round(extra, 1),
        percent=round(100 * extra / (1e6 * seconds), 4),
    )


def table_of(rows: list[dict]) -> Table:
    """Ratios to cross-entropy, with nanoseconds per logit in parentheses."""
    shapes = [str(row['shape']) for row in rows]
    table = Table(f'ratio (ns per logit), {rows[0]["device"]}', *shapes)
    for name in rows[0]:
        if name in ('shape', 'device'):
            continue
        cells = [
            f'{row[name]["ratio"]:.2f} ({row[name]["nanoseconds_per_logit"]:.2f})'
            for row in rows
        ]
        table.add_row(name, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=31)
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
    rows = [
        compare(shape, device, args.rounds) for device in devices for shape in SHAPES
    ]
    for device in devices:
        CONSOLE.print(table_of([row for row in rows if row['device'] == device]))
    batches = {'cpu': 8, 'cuda': 256}
    shares = [resnet_share(device, batches[device], rounds=5) for device in devices]
    for share in shares:
        CONSOLE.print(
            f'ResNet-50 on {share["device"]}, batch {share["batch"]}: GALA adds '
            f'{share["extra_microseconds"]:.0f} us to a step of '
            f'{share["step_milliseconds"]:.0f} ms, {share["percent"]:.3f} %.'
        )
    machine = describe_machine() | describe_devices()
    write_json(args.out, dict(losses=rows, resnet50=shares, machine=machine))


if __name__ == '__main__':
    main()
