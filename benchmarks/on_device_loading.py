"""Speed of the CIFAR pipeline in loader workers, and in batches on the device.

Generated images of 32 x 32 pixels pass through the pipeline of the CIFAR-LT recipes,
without and with training steps of their ResNet-32. All variants take turns, on the GPU
if there is one. As in MMEngine's loop, each step waits for its loss.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice, repeat
from pathlib import Path
from statistics import median
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from generated_images import write_arrays
    from mmengine.config import Config
    from mmengine.model import BaseModel
    from mmengine.optim import OptimWrapper, build_optim_wrapper
    from mmengine.registry import MODELS, init_default_scope
    from mmengine.runner import Runner
    from rich.table import Table
    from torch.utils.data import DataLoader

    from mmgala.console import result as show
    from mmgala.datasets.on_device import (
        DeviceImages,
        build_augmentation,
        epoch_batches,
        find_pipeline,
    )
    from mmgala.utils.environment import describe_devices, describe_machine
    from mmgala.utils.files import write_json

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs' / 'gala' / 'resnet32_cifar100-lt-if100.py'
OUT = Path(__file__).resolve().parent / 'results' / 'on_device_loading.json'
NUM_CLASSES = 100
Batches = Iterator[dict]


def build_loader(cfg: Config, folder: Path, workers: int) -> DataLoader:
    """Build the data loader of the recipe, with the generated images."""
    dataset = cfg.train_dataloader.dataset.dataset
    options = {
        **cfg.train_dataloader,
        'dataset': {**dataset, 'data_root': str(folder)},
        'num_workers': workers,
        'persistent_workers': workers > 0,
        'pin_memory': torch.cuda.is_available(),
    }
    return Runner.build_dataloader(options, seed=0)


def endless(loader: DataLoader) -> Batches:
    """Yield batches of a loader, epoch after epoch."""
    for _ in count():
        yield from loader


def endless_on_device(loader: DataLoader, device: torch.device, steps: int) -> Batches:
    """Yield batches from the memory of a device, epoch after epoch.

    Chunks are so small that any ``steps`` batches include two of them or more.
    """
    chunk_size = min(4096, (loader.batch_size or 1) * max(1, steps // 2))
    data = DeviceImages(loader.dataset, ('sample_idx',), device)
    pipeline = find_pipeline(loader.dataset)
    augmentation = build_augmentation(pipeline, data.size, data.channels).to(device)
    for epoch in count():
        batches = [list(batch) for batch in loader.batch_sampler or ()]
        rng = np.random.default_rng(epoch)
        yield from epoch_batches(data, augmentation, batches, rng, 0, chunk_size)


def build_model(cfg: Config, device: torch.device) -> tuple[BaseModel, OptimWrapper]:
    """Build the network and the optimizer of the recipe."""
    preprocessor = dict(type='ClsDataPreprocessor', **cfg.data_preprocessor)
    model = MODELS.build(dict(cfg.model, data_preprocessor=preprocessor))
    model = model.to(device).train()
    return model, build_optim_wrapper(model, cfg.optim_wrapper)


def wait_for(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize()


def images_per_second(
    batches: Batches,
    use: Callable[[dict], Any],
    steps: int,
    prefetched: int,
    device: torch.device,
) -> float:
    """Speed of some steps, each of which uses one batch.

    Batches that workers loaded during the turns of other variants are not counted.
    """
    for _ in islice(batches, prefetched):
        pass
    wait_for(device)
    start = time.perf_counter()
    images = 0
    for batch in islice(batches, steps):
        use(batch)
        images += len(batch['inputs'])
    wait_for(device)
    return images / (time.perf_counter() - start)


def measure(
    ways: dict[str, Batches],
    use: Callable[[dict], Any],
    rounds: int,
    steps: int,
    prefetched: int,
    device: torch.device,
) -> dict[str, dict[str, float]]:
    """Median speed of each variant, and median ratio to the first in its round.

    The first round warms up: it starts workers and loads the images.
    """
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, batches in ways.items():
            speed = images_per_second(batches, use, steps, prefetched, device)
            if number > 0:
                speeds[name].append(speed)
    first = next(iter(speeds.values()))
    return {
        name: dict(
            images_per_second=round(median(own)),
            ratio=round(median(o / f for o, f in zip(own, first, strict=True)), 2),
        )
        for name, own in speeds.items()
    }


def train_on(model: BaseModel, optimizer: OptimWrapper, batch: dict) -> None:
    """One step; MMEngine's loop reads the loss of each."""
    model.train_step(batch, optimizer)['loss'].item()


def print_rows(results: dict[str, dict[str, dict[str, float]]]) -> None:
    table = Table('', 'way', 'images/s', 'ratio')
    for part, rows in results.items():
        for name, row in rows.items():
            speed = f'{row["images_per_second"]:,}'
            table.add_row(part, name, speed, f'{row["ratio"]:.2f}')
    show(table)


def run(
    cfg: Config, folder: Path, args: argparse.Namespace, device: torch.device
) -> dict[str, dict[str, dict[str, float]]]:
    """Measure the pipeline alone, and then training steps with it."""
    loaders = {n: build_loader(cfg, folder, n) for n in args.workers}
    ways = {f'loader, {n} workers': endless(loader) for n, loader in loaders.items()}
    plain = build_loader(cfg, folder, 0)
    ways['on the device'] = endless_on_device(plain, device, args.load_steps)
    prefetched = 2 * max(args.workers)  # PyTorch's default
    loading = measure(ways, bool, args.rounds, args.load_steps, prefetched, device)
    ways['on the device'] = endless_on_device(plain, device, args.train_steps)
    ways['one batch again and again'] = repeat(next(ways['on the device']))
    step = partial(train_on, *build_model(cfg, device))
    training = measure(ways, step, args.rounds, args.train_steps, prefetched, device)
    return dict(loading=loading, training=training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    cuda = torch.cuda.is_available()
    parser.add_argument('--images', type=int, default=10816)
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 4])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument(
        '--load-steps', type=int, default=169, help='batches per round without training'
    )
    parser.add_argument('--train-steps', type=int, default=169 if cuda else 10)
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    device = torch.device('cuda' if cuda else 'cpu')
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder), args.images, NUM_CLASSES)
        results = run(cfg, Path(folder), args, device)
    print_rows(results)
    machine = describe_machine() | describe_devices()
    machine |= dict(device=device.type, load_average=os.getloadavg())
    settings = {k: v for k, v in vars(args).items() if k != 'out'}
    content = dict(**results, settings=settings, machine=machine)
    write_json(args.out, content)


if __name__ == '__main__':
    main()
