"""Time and memory of re-training a classifier on cached features.

There are 100,000 features of 2,048 values (819 MB) from 1,000 classes with up to 1,280
samples: class means of length 10 plus noise. Each method runs in a separate process
with one thread, on the features alone (computing them takes one test of the model on
the training set). `before` is the memory of the process after all imports, `peak` its
maximum. The file is read rather than mapped, so the page cache does not count.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from quiet import quiet_imports

with quiet_imports():
    import numpy as np
    import torch
    from fresh_process import measure_in_fresh_process, peak_mib, timed
    from mmengine.registry import init_default_scope
    from rich.table import Table
    from torch import nn

    from mmgala.console import result as show
    from mmgala.functional import long_tailed_counts
    from mmgala.models.heads.normalised_heads import ClassMeanLinear
    from mmgala.names import RETRAINING_METHODS
    from mmgala.registry import MODELS
    from mmgala.retraining import (
        RetrainOptions,
        initial_classifier,
        learn_weight_scale,
        nearest_class_mean,
        search_norm_tau,
        train_classifier,
    )
    from mmgala.retraining.features import FeatureFile, write_rows
    from mmgala.retraining.options import build_loss
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json

OUT = Path(__file__).resolve().parent / 'results' / 'retrain_classifier.json'
SAMPLES, WIDTH, CLASSES, VALIDATION = 100_000, 2_048, 1_000, 20_000
MARGIN = 10.0  # length of a class mean; the noise has standard deviation 1
BATCH = 2_000
LOSSES = {'crt, GALA': 'mmgala.GALALoss'}
THREADS = 1


def class_counts(samples: int) -> np.ndarray:
    """Long-tailed counts with the given sum, at least 1 each."""
    profile = np.array(long_tailed_counts(CLASSES, 1280, 256), dtype=np.float64)
    counts = np.maximum(1, np.floor(profile * samples / profile.sum())).astype(int)
    counts[0] += samples - counts.sum()
    return counts


def generate(folder: Path, samples: int) -> None:
    """Write features and labels of both splits, and an initial classifier."""
    rng = np.random.default_rng(0)
    means = rng.standard_normal((CLASSES, WIDTH), dtype=np.float32)
    means *= MARGIN / np.linalg.norm(means, axis=1, keepdims=True)
    train = np.repeat(np.arange(CLASSES), class_counts(samples))
    validation = np.tile(np.arange(CLASSES), max(1, VALIDATION // CLASSES))
    for name, labels in (('train', train), ('val', validation)):
        labels = rng.permutation(labels)

        def batches(labels: np.ndarray = labels) -> Iterator[np.ndarray]:
            for start in range(0, len(labels), BATCH):
                part = labels[start : start + BATCH]
                noise = rng.standard_normal((len(part), WIDTH), dtype=np.float32)
                yield means[part] + noise

        write_rows(folder / f'{name}.npy', (len(labels), WIDTH), batches())
        np.save(folder / f'{name}_labels.npy', labels)
    # As after long-tailed training: longer and more accurate with more samples.
    counts = class_counts(samples)[:, None]
    noise = rng.standard_normal(means.shape) / counts**0.5
    weight = counts**0.2 * (means + noise)
    np.save(folder / 'weight.npy', weight.astype(np.float32))


def run(folder: Path, name: str) -> nn.Linear:
    """Run a method and return the new layer."""
    method = name.split(',')[0]
    features = FeatureFile(folder / 'train.npy')
    labels, weight = (np.load(folder / f'{n}.npy') for n in ('train_labels', 'weight'))
    old, zeros = torch.from_numpy(weight), torch.zeros(CLASSES)
    if method == 'ncm':
        means = nearest_class_mean(features, labels, CLASSES)
        layer = ClassMeanLinear(WIDTH, CLASSES)
        layer.load_state_dict(means._asdict())
        return layer
    if method == 'tau-norm':
        validation = np.load(folder / 'val_labels.npy')
        search = search_norm_tau(FeatureFile(folder / 'val.npy'), validation, old)
        return linear(old / old.norm(dim=1, keepdim=True) ** search.tau, zeros)
    config = dict(type=LOSSES[name]) if name in LOSSES else None
    loss, _ = build_loss(config, CLASSES, np.bincount(labels).tolist())
    schedule = RetrainOptions().schedule(method, len(labels), 'class')
    if method == 'crt':
        start = initial_classifier(CLASSES, WIDTH, schedule.seed)
        return linear(*train_classifier(features, labels, start, loss, schedule))
    scale = learn_weight_scale(features, labels, old, zeros, loss, schedule)
    return linear(scale[:, None] * old, zeros)


def linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    """A linear layer with the given weight and bias."""
    layer = nn.Linear(WIDTH, CLASSES)
    layer.load_state_dict(dict(weight=weight, bias=bias))
    return layer


@torch.no_grad()
def accuracy(folder: Path, layer: nn.Linear) -> float:
    """Accuracy on the validation set, in percent."""
    features = FeatureFile(folder / 'val.npy')
    labels = np.load(folder / 'val_labels.npy')
    hits = 0
    for start in range(0, len(labels), BATCH):
        rows = torch.from_numpy(features[slice(start, start + BATCH)])
        found = layer(rows).argmax(dim=1).numpy()
        hits += int((found == labels[start : start + BATCH]).sum())
    return 100 * hits / len(labels)


def measure(folder: Path, name: str) -> dict:
    """Measure time, peak memory and accuracy of a method in this process."""
    torch.set_num_threads(THREADS)
    init_default_scope('mmpretrain')
    MODELS.get('mmgala.GALALoss')  # imports the modules of the registry
    before = peak_mib()
    layer, cost = timed(run, folder, name)
    return dict(**cost, before_mib=before, accuracy=round(accuracy(folder, layer), 2))


def table(rows: dict[str, dict]) -> Table:
    """One row per method."""
    result = Table('method', 'time', 'CPU time', 'before', 'peak', 'accuracy')
    for name, row in rows.items():
        if 'failed' in row:
            result.add_row(name, row['failed'])
            continue
        times = (f'{row[key]:.0f} s' for key in ('seconds', 'cpu_seconds'))
        sizes = (f'{row[f"{key}_mib"]} MiB' for key in ('before', 'peak'))
        result.add_row(name, *times, *sizes, f'{row["accuracy"]:.1f} %')
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--samples', type=int, default=SAMPLES)
    parser.add_argument('--measure', nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(Path(args.measure[0]), args.measure[1])))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, args.samples)
        size = (folder / 'train.npy').stat().st_size
        rows = {
            name: measure_in_fresh_process(__file__, str(folder), name)
            for name in (*RETRAINING_METHODS, *LOSSES)
        }
    show(table(rows))
    result = dict(
        samples=args.samples,
        width=WIDTH,
        classes=CLASSES,
        validation_samples=VALIDATION,
        file_mb=round(size / 1e6),
        threads=THREADS,
        rows=rows,
        machine=describe_machine(),
    )
    write_json(args.out, result)


if __name__ == '__main__':
    main()
