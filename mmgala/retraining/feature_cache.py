"""Features of a whole split: computed once, kept on disk, and reused."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmgala.apis.class_vectors import inputs_of
from mmgala.datasets import count_classes, dataset_labels
from mmgala.evaluation.score_dump import stack_scores, stack_targets
from mmgala.retraining.feature_file import FeatureFile, write_rows
from mmgala.utils.files import locked, remove_unfinished, replacing


@dataclass(frozen=True)
class SplitFeatures:
    """Features and labels of one split.

    Attributes:
        features: what goes into the class layer, ``(N, D)``.
        labels: ``(N,)`` int64.
    """

    features: FeatureFile
    labels: np.ndarray


@dataclass(frozen=True)
class FeatureSource:
    """A trained model that features are computed with.

    Attributes:
        cfg: config of the training or the test.
        model: with its weights, in eval mode.
        layer_name: name of the class layer in the model.
        layer: the class layer.
        checkpoint_digest: see :func:`mmgala.utils.files.file_digest`.
    """

    cfg: Config
    model: BaseModel
    layer_name: str
    layer: nn.Linear
    checkpoint_digest: str


def cached_features(
    source: FeatureSource,
    split: str,
    loader: DataLoader,
    folder: Path,
    console: Console,
) -> SplitFeatures:
    """Features of a split, from the cache or else from a run of the model.

    Cached features are used for the same checkpoint, model, layer, data set, pipeline
    and labels. **Image files that were changed in place are not noticed**: delete the
    folder. Features are computed as in a test: every sample once, and training images
    prepared like test images, without augmentation. If another process is computing
    the same features, they are waited for.

    Args:
        source: model to run.
        split: ``'train'`` or ``'val'``.
        loader: of the split, from :func:`mmgala.apis.data_splits.build_whole_split`.
        folder: of the cache, in which ``<split>-<digits>`` is created.
        console: for progress, and for whether the cache is used.

    Raises:
        OSError: if they cannot be written.
        ValueError: if a sample has no label, several, or one out of range, or the
            model's scores are not the softmax of the layer's outputs.
        TypeError: if the labels of the data set are unknown.
    """
    count_classes(loader.dataset, source.layer.out_features)  # checks the labels
    labels = dataset_labels(loader.dataset)
    about = _describe(source, split, labels)
    digest = hashlib.sha256(about.encode()).hexdigest()
    path = folder / f'{split}-{digest[:16]}'
    size = 4 * len(labels) * source.layer.in_features
    found = path.is_dir()
    if not found:
        lock = folder / f'.{path.name}.lock'
        with _explained_disk_errors(folder, size), locked(lock):
            found = path.is_dir()  # where another process was waited for
            if not found:
                remove_unfinished(path)
                with replacing(path) as unfinished:
                    unfinished.mkdir()
                    _compute(source, loader, len(labels), split, unfinished, console)
                    (unfinished / 'about.json').write_text(about)
    console.print(f'Features of {split} are {"taken from" if found else "in"} {path}.')
    stored = np.load(path / 'labels.npy', allow_pickle=False)
    return SplitFeatures(FeatureFile(path / 'features.npy'), stored)


def _describe(source: FeatureSource, split: str, labels: np.ndarray) -> str:
    """Everything that the features depend on, as text."""
    cfg = source.cfg
    # Training images are prepared by the pipeline of the test or validation set.
    splits = {split, 'test', 'val'} if split == 'train' else {split}
    about = dict(
        checkpoint=source.checkpoint_digest,
        layer=source.layer_name,
        scope=cfg.get('default_scope'),
        model=cfg.model,
        data_preprocessor=cfg.get('data_preprocessor'),
        data={s: (cfg.get(f'{s}_dataloader') or {}).get('dataset') for s in splits},
        labels=hashlib.sha256(labels.tobytes()).hexdigest(),
    )
    return json.dumps(about, indent=1, sort_keys=True, default=repr)


@contextlib.contextmanager
def _explained_disk_errors(folder: Path, size: int) -> Iterator[None]:
    """Say how much room the features need where they cannot be written."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f'The features, {size / 1e6:.0f} MB, were not written to {folder} '
            f'({error}): make room, or name another folder with --features.'
        ) from error


def _compute(
    source: FeatureSource,
    loader: DataLoader,
    num_samples: int,
    split: str,
    folder: Path,
    console: Console,
) -> None:
    """Run the model and write its features batch by batch."""
    labels: list[np.ndarray] = []

    def batches() -> Iterator[np.ndarray]:
        described = f'Features of {split}'
        with inputs_of(source.layer) as inputs:
            for data in track(loader, described, total=len(loader), console=console):
                with torch.no_grad():
                    samples = [s.to_dict() for s in source.model.test_step(data)]
                    labels.append(stack_targets(samples).cpu().numpy())
                    if len(inputs) != 1:
                        raise ValueError(
                            'Expected the layer to be used once for a batch, but it '
                            f'was used {len(inputs)} times: name another with --layer.'
                        )
                    features = inputs.pop()
                    if len(labels) == 1:
                        _check_scores(source, features, stack_scores(samples))
                yield features.float().cpu().numpy()
                inputs.clear()  # the check used the layer

    write_rows(folder / 'features.npy', (num_samples, source.layer.in_features),
               batches())  # fmt: skip
    np.save(folder / 'labels.npy', np.concatenate(labels), allow_pickle=False)


def _check_scores(source: FeatureSource, features: Tensor, scores: Tensor) -> None:
    """Check that scores are the softmax of the layer's outputs and nothing more.

    Raises:
        ValueError: if they are not, as with a sigmoid or a post-hoc step.
    """
    logits = source.layer(features)
    if logits.shape == scores.shape:
        expected = logits.float().softmax(dim=1).to(scores.device)
        if torch.allclose(expected, scores.float(), rtol=1e-2, atol=1e-4):
            return
    raise ValueError(
        f"The model's scores are not the softmax of the outputs of {source.layer_name}"
        ': only such a classifier can be adjusted. If the head takes post-hoc steps, '
        'use the config and checkpoint from before they were fitted. A head '
        'that scales these outputs, or ends in a sigmoid, cannot be.'
    )
