"""Classifier and GALA loss in blocks, against a linear layer and cross-entropy.

Time of forward and backward pass, with both taking turns (median of the pairwise
ratios), with as much memory for blocks as is the default, and with little, so that all
logits are computed twice. Memory of whole training steps, each in a process of its own:
what it adds at its peak beside the weights and their gradient. SGD without
momentum and weight decay needs no other copy of the weights; either of them would need
one.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from quiet import quiet_imports

with quiet_imports():
    import torch
    import torch.nn.functional as F
    from fresh_process import measure_in_fresh_process, peak_mib
    from rich.table import Table

    from mmgala.console import result as show
    from mmgala.functional import gala_linear_loss, gradient_sum_from_loss
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'linear_loss.json'
MIB = 2**20
SMALL_BLOCK = 4 * MIB
# Samples, features, classes.
SPEED = dict(
    cpu=((64, 256, 50_000), (256, 256, 50_000), (64, 256, 300_000)),
    cuda=((512, 2048, 8_142), (512, 512, 100_000), (512, 512, 1_000_000)),
)
MEMORY = (64, 256, 1_000_000)
PRECISIONS = dict(cpu=('float32',), cuda=('float32', 'bfloat16'))


class Classifier(torch.nn.Linear):
    """A linear layer with the statistics of GALA."""

    def __init__(self, shape: tuple[int, int, int], device: str) -> None:
        samples, features, classes = shape
        super().__init__(features, classes, device=device)
        self.theta = torch.rand(classes, device=device)
        self.features = torch.randn(samples, features, device=device)
        self.features.requires_grad_()
        self.target = torch.randint(classes, (samples,), device=device)

    def plain(self) -> torch.Tensor:
        """Plain cross-entropy, without statistics."""
        return F.cross_entropy(self(self.features), self.target)

    def blocks(self, block_bytes: int | None = None) -> torch.Tensor:
        """GALA in blocks; the batch is added to the statistics."""
        loss = gala_linear_loss(
            self.features, self.weight, self.bias, self.target, self.theta, self.theta,
            block_bytes=block_bytes,
        )  # fmt: skip
        self.theta += gradient_sum_from_loss(
            loss.detach(), self.target, len(self.theta)
        )
        return loss.mean()

    def ways(self) -> dict[str, Callable[[], torch.Tensor]]:
        """Ways to compute a loss, by name."""
        return dict(
            plain=self.plain,
            blocks=self.blocks,
            small_blocks=lambda: self.blocks(SMALL_BLOCK),
        )


def step(classifier: Classifier, way: str, precision: str) -> None:
    """One forward and backward pass."""
    classifier.zero_grad()
    classifier.features.grad = None
    device = classifier.weight.device.type
    dtype = getattr(torch, precision)
    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
        loss = classifier.ways()[way]()
    loss.backward()


def timed(device: str, function: Callable[..., None], *arguments: object) -> float:
    """Seconds of a call, including what the device still does."""
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    wait()
    begin = time.perf_counter()
    function(*arguments)
    wait()
    return time.perf_counter() - begin


def compare(
    shape: tuple[int, int, int], device: str, precision: str, seconds: float
) -> dict:
    """Milliseconds, ratio to the plain way and, on a GPU, peak memory of each way."""
    classifier = Classifier(shape, device)
    times: dict[str, list[float]] = {way: [] for way in classifier.ways()}
    row: dict = dict(shape=shape, device=device, precision=precision)
    for way in times:
        step(classifier, way, precision)
        if device == 'cuda':
            row[way] = dict(peak_mib=device_peak(classifier, way, precision))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times['plain']) < 5:
        for way, measured in times.items():
            measured.append(timed(device, step, classifier, way, precision))
    for way, measured in times.items():
        pairs = zip(measured, times['plain'], strict=True)
        row[way] = row.get(way, {}) | dict(
            milliseconds=round(1e3 * median(measured), 3),
            ratio=round(median(own / plain for own, plain in pairs), 3),
        )
    return row


def device_peak(classifier: Classifier, way: str, precision: str) -> int:
    """Memory of a step in MiB beside the weights, the features and their gradients."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()  # with the gradients of the step before
    step(classifier, way, precision)
    return round((torch.cuda.max_memory_allocated() - before) / MIB)


def measure_training(way: str, steps: int = 2) -> dict:
    """Peak memory of this process after training steps, in MiB."""
    torch.manual_seed(0)
    torch.ones(8, 8) @ torch.ones(8, 8)  # loads what PyTorch loads at the first use
    before = peak_mib()
    classifier = Classifier(MEMORY, 'cpu')
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1)
    begin = time.perf_counter()
    for _ in range(steps):
        step(classifier, way, 'float32')
        optimizer.step()
    seconds = (time.perf_counter() - begin) / steps
    weights = sum(each.nbytes for each in classifier.parameters()) / MIB
    peak = peak_mib()
    return dict(
        shape=MEMORY,
        process_mib=before,
        weights_and_gradient_mib=round(2 * weights),
        peak_mib=peak,
        beside_mib=round(peak - before - 2 * weights),
        seconds_per_step=round(seconds, 1),
    )


def tables(result: dict) -> list[Table]:
    """Ratios and memory, to be printed."""
    speed = Table('samples, features, classes', 'precision', 'plain ms', 'blocks',
                  'blocks of 4 MiB', 'peak MiB')  # fmt: skip
    for row in result['speed']:
        peaks = [
            row[way].get('peak_mib') for way in ('plain', 'blocks', 'small_blocks')
        ]
        speed.add_row(
            ', '.join(f'{size:,}' for size in row['shape']),
            f'{row["precision"]}, {row["device"]}',
            f'{row["plain"]["milliseconds"]:.2f}',
            f'{row["blocks"]["ratio"]:.2f}',
            f'{row["small_blocks"]["ratio"]:.2f}',
            ' / '.join(map(str, peaks)) if peaks[0] is not None else '',
        )
    memory = Table('training step', 'process', 'weights + gradient', 'peak', 'beside')
    for way, row in result.get('memory', {}).items():
        keys = ('process_mib', 'weights_and_gradient_mib', 'peak_mib', 'beside_mib')
        memory.add_row(way, *(f'{row[key]:,} MiB' for key in keys))
    return [speed, memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--seconds', type=float, default=None, help='for each shape')
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--measure', metavar='WAY', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        sys.stdout.write(json.dumps(measure_training(args.measure)) + '\n')
        return
    seconds = args.seconds or dict(cpu=20.0, cuda=2.0)[args.device]
    result: dict = dict(speed=[])
    for shape in SPEED[args.device]:
        for precision in PRECISIONS[args.device]:
            result['speed'].append(compare(shape, args.device, precision, seconds))
    if args.device == 'cpu':
        result['memory'] = {
            way: measure_in_fresh_process(__file__, way) for way in ('plain', 'blocks')
        }
    for table in tables(result):
        if table.row_count:
            show(table)
    result['machine'] = describe_machine() | describe_devices()
    write_json(args.out, result)


if __name__ == '__main__':
    main()
