"""Cost of GradientStatisticsHook per training step: off, on, on with the matrix.

The three variants take turns in two measurements: of whole steps (ResNet-32 for small
images, batch size 64; ResNet-50, batch size 8 on a CPU and 64 on a GPU), and of the
loss alone, where the difference exceeds the noise. The percentage is the time that the
hook adds to the loss, relative to the time of the whole step.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import median

from quiet import quiet_imports

with quiet_imports():
    import torch
    from mmpretrain.models.losses import CrossEntropyLoss
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table
    from torch import Tensor, nn
    from torch.utils.benchmark import Timer
    from torchvision.models import resnet50

    from mmgala.console import result as show
    from mmgala.engine.gradient_recording.loss_observer import LossObserver
    from mmgala.engine.gradient_recording.recorded_losses import GradientAccumulator
    from mmgala.functional import ShotThresholds, long_tailed_counts
    from mmgala.models import CIFARResNet
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

CLASSES = (100, 1000, 8142)
MAX_BINS = {'off': None, 'on': 0, 'matrix': 200}  # as in the hook
OUT = Path(__file__).resolve().parent / 'results' / 'gradient_hook.json'


class Observed:
    """A loss with the computations of the hook, in one of the variants."""

    def __init__(self, num_classes: int, max_bins: int | None, device: str) -> None:
        self.loss = CrossEntropyLoss()
        self.sums = None
        if max_bins is not None:
            counts = torch.tensor(long_tailed_counts(num_classes, 500, 100))
            self.sums = GradientAccumulator(
                counts, ShotThresholds(), max_bins, torch.device(device)
            )
            LossObserver(self.loss, self.sums.add)

    def backward(self, logits: Tensor, target: Tensor) -> None:
        self.loss(logits, target, avg_factor=len(logits)).backward()
        if self.sums is not None:
            self.sums.finish_step()


def cifar_resnet(num_classes: int) -> nn.Module:
    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = CIFARResNet(32)
            self.fc = nn.Linear(64, num_classes)

        def forward(self, images: Tensor) -> Tensor:
            return self.fc(self.backbone(images)[-1].mean(dim=(2, 3)))

    return Classifier()


def median_seconds(
    functions: dict[str, Callable[[], None]], rounds: int, repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each function, and median ratio to the first in its round."""
    timers = {
        name: Timer(
            'f()', globals=dict(f=function), num_threads=torch.get_num_threads()
        )
        for name, function in functions.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for timer in timers.values():
        timer.timeit(1)
    for _ in range(rounds):
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(repeats).mean)
    first = next(iter(seconds.values()))
    ratios = {
        name: median(own / base for own, base in zip(times, first, strict=True))
        for name, times in seconds.items()
    }
    return {name: median(times) for name, times in seconds.items()}, ratios


def variants(num_classes: int, device: str) -> dict[str, Observed]:
    return {name: Observed(num_classes, b, device) for name, b in MAX_BINS.items()}


def measure_loss(
    batch: int, num_classes: int, device: str, rounds: int
) -> dict[str, float]:
    """Seconds of forward and backward through the loss alone, for each variant."""
    logits = torch.randn(batch, num_classes, device=device, requires_grad=True)
    target = torch.randint(num_classes, (batch,), device=device)

    def step(observed: Observed) -> Callable[[], None]:
        def run() -> None:
            logits.grad = None
            observed.backward(logits, target)

        return run

    functions = {n: step(o) for n, o in variants(num_classes, device).items()}
    return median_seconds(functions, rounds, repeats=20)[0]


def measure_steps(
    model: nn.Module, images: Tensor, num_classes: int, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of whole training steps for each variant, and ratios to no hook."""
    device = images.device.type
    target = torch.randint(num_classes, (len(images),), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step(observed: Observed) -> Callable[[], None]:
        def run() -> None:
            optimizer.zero_grad()
            observed.backward(model(images), target)
            optimizer.step()

        return run

    functions = {n: step(o) for n, o in variants(num_classes, device).items()}
    return median_seconds(functions, rounds, repeats=1)


def measure(network: str, num_classes: int, device: str, rounds: int) -> dict:
    """All measurements for one network and number of classes."""
    if network == 'ResNet-32':
        model, shape = cifar_resnet(num_classes), (64, 3, 32, 32)
    else:
        model = resnet50(num_classes=num_classes)
        shape = (8 if device == 'cpu' else 64, 3, 224, 224)
    model = model.to(device).train()
    images = torch.randn(shape, device=device)
    seconds, ratios = measure_steps(model, images, num_classes, rounds)
    loss = measure_loss(len(images), num_classes, device, rounds=31)
    result: dict = dict(
        network=network,
        device=device,
        batch=len(images),
        num_classes=num_classes,
        step_milliseconds=round(1e3 * seconds['off'], 2),
    )
    for name in ('on', 'matrix'):
        added = loss[name] - loss['off']
        result[name] = dict(
            added_microseconds=round(1e6 * added, 1),
            percent_of_step=round(100 * added / seconds['off'], 3),
            step_ratio=round(ratios[name], 4),
        )
    return result


def print_rows(rows: Sequence[dict]) -> None:
    table = Table('network', 'device', 'batch', 'C', 'step', 'hook', 'with matrix')
    for row in rows:
        table.add_row(
            row['network'],
            row['device'],
            str(row['batch']),
            str(row['num_classes']),
            f'{row["step_milliseconds"]:.0f} ms',
            *(
                f'+{row[name]["added_microseconds"]:.0f} us, '
                f'{row[name]["percent_of_step"]:.2f} %'
                for name in ('on', 'matrix')
            ),
        )
    show(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--rounds', type=int, default=5, help='number of rounds for whole steps'
    )
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
    cases = list(product(('ResNet-32', 'ResNet-50'), CLASSES, devices))
    rows = [
        measure(*case, rounds=args.rounds)
        for case in track(cases, 'Measuring', console=Console(stderr=True))
    ]
    print_rows(rows)
    machine = describe_machine() | describe_devices()
    write_json(args.out, dict(rows=rows, machine=machine))


if __name__ == '__main__':
    main()
