"""Features of a data split on disk: their file format, and the cache."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmgala.apis.class_vectors import inputs_of
from mmgala.console.consoles import tracked
from mmgala.datasets import (
    DatasetDigest,
    count_classes,
    dataset_digest,
    dataset_labels,
)
from mmgala.datasets.digest import changed_parts
from mmgala.evaluation.score_dump import stack_scores, stack_targets
from mmgala.utils.files import locked, remove_abandoned, replacing

DTYPE = np.dtype('<f4')


class FeatureFile:
    """Rows of a two-dimensional float32 ``.npy`` file, read when they are accessed.

    The file is read, not memory-mapped: every page of a mapped file that was touched
    counts as memory of the process, and the system maps up to 2 MB around each row, so
    that one random batch would load most of the file.

    Args:
        path: ``.npy`` file.

    Raises:
        ValueError: if the file has any other format.

    Attributes:
        shape: ``(N, D)``.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, 'rb', buffering=0)  # noqa: SIM115  # for many reads
        if np.lib.format.read_magic(self._file) != (1, 0):
            raise ValueError(f'{path} is not a .npy file of version 1.0.')
        header = np.lib.format.read_array_header_1_0(self._file)
        self.shape, fortran_order, dtype = header
        if len(self.shape) != 2 or fortran_order or dtype != DTYPE:
            raise ValueError(
                f'Expected {path} to hold float32 rows, but it has {header}.'
            )
        self._start = self._file.tell()
        self._row_bytes = self.shape[1] * DTYPE.itemsize
        size = self._start + self.shape[0] * self._row_bytes
        if path.stat().st_size != size:
            raise ValueError(f'{path} is truncated: delete it.')

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        """Rows ``(n, D)`` float32, by a slice without a step or ``(n,)`` indices."""
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            rows = np.empty((stop - start, self.shape[1]), DTYPE)
            self._read(rows, start)
            return rows
        rows = np.empty((len(index), self.shape[1]), DTYPE)
        for row, place in zip(rows, index.tolist(), strict=True):
            self._read(row, place)
        return rows

    def _read(self, rows: np.ndarray, first: int) -> None:
        """Fill an array from the file, beginning at row ``first``."""
        self._file.seek(self._start + first * self._row_bytes)
        view = rows.reshape(-1).view(np.uint8).data
        while view:
            done = self._file.readinto(view)
            if not done:
                raise ValueError(f'{self._file.name} is truncated: delete it.')
            view = view[done:]

    def __del__(self) -> None:
        if hasattr(self, '_file'):
            self._file.close()


Features = FeatureFile | Tensor


def write_rows(
    path: Path, shape: tuple[int, int], batches: Iterable[np.ndarray]
) -> None:
    """Write a float32 ``.npy`` file batch by batch.

    The file is written, not memory-mapped: a full disk is then an error, where a write
    to a mapped page would kill the process.

    Args:
        path: of the file.
        shape: ``(N, D)`` of all batches together.
        batches: ``(n, D)`` each.

    Raises:
        OSError: if the disk is full.
        ValueError: if the batches do not add up to N rows of D values.
    """
    header = dict(descr=DTYPE.str, fortran_order=False, shape=shape)
    written = 0
    with open(path, 'wb') as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            if batch.ndim != 2 or batch.shape[1] != shape[1]:
                raise ValueError(
                    f'Expected one feature of {shape[1]} values per sample, but got '
                    f'shape {batch.shape}: choose another layer with --layer.'
                )
            file.write(np.ascontiguousarray(batch, DTYPE).data)
            written += len(batch)
    if written != shape[0]:
        raise ValueError(f'Expected {shape[0]} samples, but got {written}.')


@dataclass(frozen=True)
class SplitFeatures:
    """Features and labels of one split.

    Attributes:
        features: inputs of the class layer, ``(N, D)``.
        labels: ``(N,)`` int64.
    """

    features: FeatureFile
    labels: np.ndarray


@dataclass(frozen=True)
class FeatureSource:
    """A trained model that computes features.

    Attributes:
        cfg: config of the training or the test.
        model: with its weights, in eval mode.
        layer_name: name of the class layer in the model.
        layer: the class layer.
        checkpoint_digest: see :func:`mmgala.utils.files.file_digest`.
        classes: names of the training classes; empty if they are unknown.
    """

    cfg: Config
    model: BaseModel
    layer_name: str
    layer: nn.Linear
    checkpoint_digest: str
    classes: Sequence[str]


def cached_features(
    source: FeatureSource,
    split: str,
    loader: DataLoader,
    folder: Path,
    console: Console,
) -> SplitFeatures:
    """Read the features of a split from the cache, or compute them.

    Cached features are used for the same checkpoint, model, layer, pipeline, labels and
    images; see :func:`mmgala.datasets.dataset_digest`. Features are computed as in a
    test: every sample once, and training images like test images, without augmentation.
    If another process is computing the same features, this waits for it.

    Args:
        source: model to run.
        split: ``'train'`` or ``'val'``.
        loader: of the split, from :func:`mmgala.apis.data_splits.build_whole_split`.
        folder: the cache, in which ``<split>-<digits>`` is created.
        console: prints the progress, and whether the cache is used.

    Raises:
        OSError: if they cannot be written.
        ValueError: if a sample does not have exactly one valid label, or the model's
            scores are not the softmax of the layer's outputs.
        TypeError: if the labels of the data set are unknown.
    """
    count_classes(loader.dataset, source.layer.out_features)  # checks the labels
    labels = dataset_labels(loader.dataset)
    about = _describe(source, split, dataset_digest(loader.dataset))
    digest = hashlib.sha256(about.encode()).hexdigest()
    path = folder / f'{split}-{digest[:16]}'
    size = 4 * len(labels) * source.layer.in_features
    found = path.is_dir()
    if not found:
        if change := _changed_since(folder, split, about):
            console.print(f'The {change} of {split} have changed: new features.')
        lock = folder / f'.{path.name}.lock'
        remove_abandoned(folder)
        with _explained_disk_errors(folder, size), locked(lock):
            found = path.is_dir()  # another process may have computed them meanwhile
            if not found:
                with replacing(path) as unfinished:
                    unfinished.mkdir()
                    _compute(source, loader, len(labels), split, unfinished, console)
                    (unfinished / 'about.json').write_text(about)
    console.print(f'Features of {split} are {"taken from" if found else "in"} {path}.')
    stored = np.load(path / 'labels.npy', allow_pickle=False)
    return SplitFeatures(FeatureFile(path / 'features.npy'), stored)


def _changed_since(folder: Path, split: str, about: str) -> str:
    """What has changed in the data since features of the same model were cached."""
    now = json.loads(about)
    for path in folder.glob(f'{split}-*/about.json'):
        before = json.loads(path.read_text())
        if {**before, 'digest': 0} == {**now, 'digest': 0}:
            digests = ({split: part['digest']} for part in (before, now))
            return changed_parts(*digests).get(split, '')
    return ''


def _describe(source: FeatureSource, split: str, digest: DatasetDigest) -> str:
    """Describe, as text, everything that the features depend on."""
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
        digest=digest.as_dict(),
    )
    return json.dumps(about, indent=1, sort_keys=True, default=repr)


@contextlib.contextmanager
def _explained_disk_errors(folder: Path, size: int) -> Iterator[None]:
    """Add the size of the features to errors of the disk."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f'The features, {size / 1e6:.0f} MB, were not written to {folder} '
            f'({error}): free some space, or name another folder with --features.'
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
            for data in tracked(loader, described, total=len(loader), console=console):
                with torch.no_grad():
                    samples = [s.to_dict() for s in source.model.test_step(data)]
                    labels.append(stack_targets(samples).cpu().numpy())
                    if len(inputs) != 1:
                        raise ValueError(
                            'Expected the layer to be used once per batch, but it '
                            f'was used {len(inputs)} times: choose another layer '
                            'with --layer.'
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
