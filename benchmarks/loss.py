"""Cost of every loss, statistics included, against cross-entropy.

Measures forward and backward pass and (GALA, Seesaw) the update of the statistics, with
losses taking turns, and reports medians of the pairwise ratios: eager, compiled
(against compiled cross-entropy), and on a GPU also as a replayed CUDA graph, which
leaves the time of the device alone. As the number of classes grows at a fixed batch
size, the time per logit reveals costs above O(C). On a GPU, each loss is also run with
every wait of the host being an error. On the CPU, also measures the time that GALA adds
to a ResNet-50 training step; times there are of the CPU, not of the clock, so that
other programs matter less. ``--device cuda`` takes less than a minute.
"""

import argparse
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from quiet import quiet_imports

with quiet_imports():
    import torch
    import torch.nn.functional as F
    from rich.table import Table
    from torch import Tensor
    from torch.utils.benchmark import Timer
    from torch.utils.benchmark.utils.timer import timer as clock
    from torchvision.models import resnet50

    import mmgala.models  # noqa: F401  (registers the losses)
    from mmgala import losses
    from mmgala.console import result as show
    from mmgala.functional import (
        gala_margin,
        logit_gradient_sums,
        long_tailed_counts,
    )
    from mmgala.losses import GALALoss
    from mmgala.registry import MODELS
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

SHAPES = dict(
    cpu=((64, 100), (256, 1000), (256, 2000), (256, 4000), (256, 8142), (512, 8142)),
    cuda=((64, 100), (256, 1000), (512, 8142)),
)
ONE_GRAPH = ('cross_entropy', 'gala', 'balanced_softmax')
WAYS = dict(cpu=('eager', 'compiled'), cuda=('eager', 'captured', 'compiled'))
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


def eager(loss: Callable, logits: Tensor, target: Tensor) -> Callable:
    """Forward and backward pass."""

    def step() -> None:
        logits.grad = None
        loss(logits, target).backward()

    return step


def compiled(loss: Callable, logits: Tensor, target: Tensor) -> Callable:
    """The same, without a graph break."""
    torch._dynamo.reset()  # each shape is a graph of its own
    return eager(torch.compile(loss, fullgraph=True, dynamic=False), logits, target)


def captured(loss: Callable, logits: Tensor, target: Tensor) -> Callable:
    """The same, as a CUDA graph."""
    step = eager(loss, logits, target)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    logits.grad = None
    with torch.cuda.graph(graph):
        loss(logits, target).backward()
    return graph.replay


def waits(step: Callable) -> bool:
    """Whether the host waits for the device in a step that is not the first."""
    step()
    torch.cuda.set_sync_debug_mode('error')
    try:
        step()
    except RuntimeError as error:
        show(str(error))
        return True
    finally:
        torch.cuda.set_sync_debug_mode('default')
    return False


def steps_of(shape: tuple[int, int], device: str, way: str) -> dict[str, Callable]:
    """A step of each loss."""
    num_samples, num_classes = shape
    logits = torch.randn(shape, device=device, requires_grad=True)
    target = torch.randint(num_classes, (num_samples,), device=device)
    make = dict(eager=eager, compiled=compiled, captured=captured)[way]
    return {
        name: make(loss, logits.detach().clone().requires_grad_(), target)
        for name, loss in build_losses(num_classes, device).items()
        if way == 'eager' or name in ONE_GRAPH
    }


def compare(shape: tuple[int, int], device: str, way: str, rounds: int) -> dict:
    """Median seconds of each loss and median ratios to cross-entropy."""
    # As in a training that has freed larger activations: from now on, the C library
    # reuses blocks of this size instead of requesting new pages every time.
    torch.ones(30 * 2**18)
    timers = {
        name: Timer(
            'f()',
            globals=dict(f=step),
            num_threads=torch.get_num_threads(),
            timer=time.process_time if device == 'cpu' else clock,
        )
        for name, step in steps_of(shape, device, way).items()
    }
    for timer in timers.values():
        timer.timeit(2)  # compiles
    repeats = max(5, int(0.02 / timers['cross_entropy'].timeit(10).mean))
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(repeats).mean)
    result: dict = dict(shape=shape, device=device, way=way)
    for name, times in seconds.items():
        pairs = zip(times, seconds['cross_entropy'], strict=True)
        result[name] = dict(
            microseconds=round(1e6 * median(times), 1),
            nanoseconds_per_logit=round(1e9 * median(times) / math.prod(shape), 3),
            ratio=round(median(own / ce for own, ce in pairs), 3),
        )
    return result


def resnet_share(batch: int = 8, rounds: int = 5) -> dict:
    """Time that GALA adds to a ResNet-50 step on the CPU, in percent of the step."""
    model = resnet50().train()
    images = torch.randn(batch, 3, 224, 224)
    target = torch.randint(1000, (batch,))
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
    row = compare((batch, 1000), 'cpu', 'eager', 15)
    extra = row['gala']['microseconds'] - row['cross_entropy']['microseconds']
    return dict(
        device='cpu',
        batch=batch,
        step_milliseconds=round(1e3 * seconds, 2),
        extra_microseconds=round(extra, 1),
        percent=round(100 * extra / (1e6 * seconds), 4),
    )


def table_of(rows: list[dict]) -> Table:
    """Microseconds, ratios to cross-entropy and nanoseconds per logit."""
    shapes = [f'{row["shape"]}, {row["way"]}' for row in rows]
    title = f'{rows[0]["device"]}: us, ratio (ns per logit)'
    table = Table(title, *shapes)
    for name in rows[0]:
        if name in ('shape', 'device', 'way'):
            continue
        cells = [
            f'{cell["microseconds"]:.0f}, {cell["ratio"]:.2f} '
            f'({cell["nanoseconds_per_logit"]:.2f})'
            if (cell := row.get(name))
            else ''
            for row in rows
        ]
        table.add_row(name, *cells)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', choices=tuple(SHAPES), default='cpu')
    parser.add_argument('--rounds', type=int, default=31)
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    result: dict = dict(machine=describe_machine() | describe_devices(), losses=[])
    if args.device == 'cuda':
        steps = steps_of((64, 100), 'cuda', 'eager')
        result['waits'] = {name: waits(step) for name, step in steps.items()}
        waiting = [n for n, w in result['waits'].items() if w]
        show(f'the host waits: {waiting}')
    for way in WAYS[args.device]:
        shapes = SHAPES[args.device] if way == 'eager' else SHAPES[args.device][-1:]
        for shape in shapes:
            result['losses'].append(compare(shape, args.device, way, args.rounds))
        write_json(args.out, result)  # should the rest fail
    show(table_of(result['losses']))
    if args.device == 'cpu':
        share = resnet_share()
        show(
            f'ResNet-50, batch {share["batch"]}: GALA adds '
            f'{share["extra_microseconds"]:.0f} us to a step of '
            f'{share["step_milliseconds"]:.0f} ms, {share["percent"]:.3f} %.'
        )
        write_json(args.out, result | dict(resnet50=[share]))


if __name__ == '__main__':
    main()
