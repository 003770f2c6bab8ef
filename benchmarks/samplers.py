"""Cost of the samplers at the size of iNaturalist 2018: building one, and an epoch.

Compares them on 437,513 samples of 8,142 classes with PyTorch's WeightedRandomSampler
and MMEngine's DefaultSampler, which all take turns. Times are medians of the CPU time
of one thread, which hardly depends on the load of the machine. Reading the labels of a
plain MMPretrain data set, sample by sample, is measured separately.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from mmengine.dataset import DefaultSampler
    from mmpretrain.datasets import BaseDataset
    from rich.table import Table
    from torch.utils.data import WeightedRandomSampler

    from mmgala.console import result as show
    from mmgala.datasets import (
        ClassAwareSampler,
        ClassBalancedSampler,
        dataset_labels,
        official_class_counts,
    )
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'samplers.json'


class Labelled:
    """A data set with its labels in an array."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def get_gt_labels(self) -> np.ndarray:
        return self.labels


class PlainDataset(BaseDataset):
    """The same data set as stored by MMPretrain: one pickled record per sample."""

    def __init__(self, labels: np.ndarray) -> None:
        self._given = labels.tolist()
        super().__init__(ann_file='')

    def load_data_list(self) -> list[dict]:
        return [
            dict(img_path=f'train_val2018/{i}.jpg', gt_label=label)
            for i, label in enumerate(self._given)
        ]


def weighted_random(dataset: Labelled) -> WeightedRandomSampler:
    """The usual way of class-balanced sampling, with replacement."""
    weights = torch.from_numpy(1 / np.bincount(dataset.labels)[dataset.labels])
    # Its annotation requires a list, but it also accepts a tensor.
    return WeightedRandomSampler(weights, len(dataset))  # type: ignore[arg-type]


SAMPLERS: dict[str, Callable[[Labelled], Any]] = {
    'ClassAwareSampler': lambda data: ClassAwareSampler(data, seed=0),
    'ClassBalancedSampler, instance': lambda data: ClassBalancedSampler(data, seed=0),
    'ClassBalancedSampler, class': lambda data: ClassBalancedSampler(
        data, 'class', seed=0
    ),
    'ClassBalancedSampler, sqrt': lambda data: ClassBalancedSampler(
        data, 'sqrt', seed=0
    ),
    'ClassBalancedSampler, progressive': lambda data: ClassBalancedSampler(
        data, 'progressive', num_epochs=10, seed=0
    ),
    'torch WeightedRandomSampler': weighted_random,
    'MMEngine DefaultSampler': lambda data: DefaultSampler(data, seed=0),
}


def measure(dataset: Labelled, rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of building each sampler, and of an epoch's indices."""
    times: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in SAMPLERS
    }
    for number in range(rounds + 1):
        for name, build in SAMPLERS.items():
            start = time.process_time()
            sampler = build(dataset)
            built = time.process_time()
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(number)
            size = sum(1 for _ in sampler)
            end = time.process_time()
            assert size == len(dataset)
            if number > 0:  # the first round only warms up
                times[name][0].append(built - start)
                times[name][1].append(end - built)
    return {
        name: dict(
            build_ms=round(1e3 * median(builds), 1),
            epoch_ms=round(1e3 * median(epochs), 1),
        )
        for name, (builds, epochs) in times.items()
    }


def measure_labels(labels: np.ndarray, rounds: int) -> float:
    """Median seconds of reading the labels of a plain data set."""
    dataset = PlainDataset(labels)
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        read = dataset_labels(dataset)
        seconds.append(time.process_time() - start)
        assert np.array_equal(read, labels)
    return round(median(seconds), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--out', type=Path, default=OUT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    counts = official_class_counts('inaturalist2018')
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(0).permutation(labels)
    results = measure(Labelled(labels), args.rounds)
    table = Table('', 'build', 'an epoch', 'ns per draw')
    for name, row in results.items():
        per_draw = 1e6 * row['epoch_ms'] / len(labels)
        table.add_row(
            name,
            f'{row["build_ms"]:.1f} ms',
            f'{row["epoch_ms"]:.0f} ms',
            f'{per_draw:.0f}',
        )
    show(table)
    seconds = measure_labels(labels, args.rounds)
    show(
        f'Reading {len(labels):,} labels of a plain MMPretrain data set takes '
        f'{seconds:.1f} s, once.'
    )
    result = dict(
        samples=len(labels),
        classes=len(counts),
        rounds=args.rounds,
        samplers=results,
        plain_label_reading_s=seconds,
        machine=describe_machine(),
    )
    write_json(args.out, result)


if __name__ == '__main__':
    main()
