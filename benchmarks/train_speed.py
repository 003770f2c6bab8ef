"""Images per second of a training step by precision and memory format.

Measures the gain of ``tools/train.py --amp`` and ``--channels-last`` on this machine:
forward pass, backward pass and SGD of configs/gala/resnet32_cifar100-lt-if100.py on
random images, without data loading. The variants take turns; speed-ups are medians of
the ratios within each turn. If `cores_used` is below the number of threads, the machine
was not idle.
"""

import argparse
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    import torch
    from mmengine.config import Config
    from mmengine.logging import MMLogger
    from mmengine.model import BaseModel
    from mmengine.optim import OptimWrapper, build_optim_wrapper
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS
    from mmpretrain.structures import DataSample
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table
    from torch.utils.benchmark import Timer

    from mmgala.console import result as show
    from mmgala.engine import ChannelsLastHook
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'gala' / 'resnet32_cifar100-lt-if100.py'
OUT = ROOT / 'benchmarks' / 'results' / 'train_speed.json'
WRAPPERS = {
    'float32': 'OptimWrapper',
    'bfloat16': 'mmgala.BFloat16OptimWrapper',  # --amp on a CPU
    'float16': 'AmpOptimWrapper',  # --amp on a GPU
}
FORMATS = ('contiguous', 'channels-last')


def build_training(
    cfg: Config, device: str, precision: str, memory_format: str
) -> tuple[BaseModel, OptimWrapper]:
    """Model and optimizer as in ``tools/train.py``, always with the same weights."""
    torch.manual_seed(0)
    preprocessor = dict(type='ClsDataPreprocessor', **cfg.data_preprocessor)
    model = MODELS.build(dict(cfg.model, data_preprocessor=preprocessor))
    model.init_weights()
    model.to(device).train()
    options = dict(cfg.optim_wrapper, type=WRAPPERS[precision])
    optim_wrapper = build_optim_wrapper(model, options)
    if memory_format == 'channels-last':
        runner: Any = SimpleNamespace(model=model, optim_wrapper=optim_wrapper)
        ChannelsLastHook().before_train(runner)
    return model, optim_wrapper


def random_batch(batch_size: int, num_classes: int) -> dict:
    """Images of 32 x 32 pixels and labels, in the format of a data loader."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, 3, 32, 32)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    labels = torch.randint(num_classes, (batch_size,), generator=generator)
    samples = [DataSample().set_gt_label(label) for label in labels]
    return dict(inputs=images, data_samples=samples)


def training_step(
    model: BaseModel, optim_wrapper: OptimWrapper, batch: dict
) -> Callable[[], dict]:
    """Return a function that takes one step."""
    return lambda: model.train_step(batch, optim_wrapper)


def build_timers(device: str, batch_size: int) -> dict[tuple[str, str], Timer]:
    """Timers of a step by precision and memory format, warmed up."""
    cfg = Config.fromfile(CONFIG)
    init_default_scope(cfg.default_scope)
    batch = random_batch(batch_size, cfg.model.head.num_classes)
    precisions = ('float32', 'bfloat16') + ('float16',) * (device == 'cuda')
    timers = {}
    for variant in product(precisions, FORMATS):
        step = training_step(*build_training(cfg, device, *variant), batch)
        timer = Timer('f()', globals={'f': step}, num_threads=torch.get_num_threads())
        timer.timeit(2)
        timers[variant] = timer
    return timers


def measure(device: str, batch_size: int, rounds: int, steps: int) -> list[dict]:
    """Speed of each variant on a device.

    Args:
        device: ``'cpu'`` or ``'cuda'``.
        batch_size: number of images per step.
        rounds: number of turns per variant.
        steps: number of steps per turn.
    """
    timers = build_timers(device, batch_size)
    seconds: dict[tuple[str, str], list[float]] = {variant: [] for variant in timers}
    start = time.perf_counter(), time.process_time()
    for _ in track(
        range(rounds), f'Measuring on {device}', console=Console(stderr=True)
    ):
        for variant, timer in timers.items():
            seconds[variant].append(timer.timeit(steps).mean)
    wall, busy = time.perf_counter() - start[0], time.process_time() - start[1]
    first = seconds['float32', 'contiguous']
    rows = []
    for (precision, memory_format), own in seconds.items():
        ratios = [base / mine for base, mine in zip(first, own, strict=True)]
        rows.append(
            dict(
                device=device,
                precision=precision,
                memory_format=memory_format,
                batch=batch_size,
                step_milliseconds=round(1e3 * median(own), 2),
                images_per_second=round(batch_size / median(own), 1),
                speedup=round(median(ratios), 3),
                cores_used=round(busy / wall, 2),
            )
        )
    return rows


def print_rows(rows: list[dict]) -> None:
    table = Table('device', 'precision', 'memory format', 'step', 'images/s', 'speedup')
    for row in rows:
        table.add_row(
            row['device'],
            row['precision'],
            row['memory_format'],
            f'{row["step_milliseconds"]:.1f} ms',
            f'{row["images_per_second"]:.0f}',
            f'{row["speedup"]:.2f}',
        )
    show(table)
    show(f'Cores used on the CPU: {rows[0]["cores_used"]:.2f}.')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--batch', type=int, default=64, help='images per step')
    parser.add_argument('--threads', type=int, default=1, help='number of CPU threads')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--steps', type=int, default=3, help='steps per round')
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    MMLogger.get_instance('train_speed', log_level='WARNING')
    devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
    rows = [
        row
        for device in devices
        for row in measure(device, args.batch, args.rounds, args.steps)
    ]
    print_rows(rows)
    machine = describe_machine() | describe_devices()
    machine['cpu_capability'] = torch.backends.cpu.get_cpu_capability()
    write_json(args.out, dict(rows=rows, machine=machine))


if __name__ == '__main__':
    main()
