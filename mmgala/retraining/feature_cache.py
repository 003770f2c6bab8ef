"""Features of a whole split: computed once, kept on disk, found again."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
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

DTYPE = np.dtype('<f4')


class FeatureFile:
    """Rows of a two-dimensional float32 ``.npy`` file, read when they are asked for.

    They are read, not mapped. Every page of a mapped file that was ever touched counts
    as memory of the process, and around a random row the system maps up to 2 MB: one
    batch of rows, and most of the file is there.

    Args:
        path: ``.npy`` file.

    Raises:
        ValueError: if it holds anything else.

    Attributes:
        shape: ``(N, D)``.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, 'rb', buffering=0)  # noqa: SIM115  # for many reads
        if np.lib.format.read_magic(self._file) != (1, 0):
            raise ValueError(f'{path} is no .npy file of version 1.0.')
        header = np.lib.format.read_array_header_1_0(self._file)
        self.shape, fortran_order, dtype = header
        if len(self.shape) != 2 or fortran_order or dtype != DTYPE:
            raise ValueError(f'{path} holds no float32 rows, but {header}.')
        self._start = self._file.tell()
        self._row_bytes = self.shape[1] * DTYPE.itemsize
        size = self._start + self.shape[0] * self._row_bytes
        if path.stat().st_size != size:
            raise ValueError(f'{path} is cut off: delete it.')

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
        """Fill an array with what follows the beginning of a row."""
        self._file.seek(self._start + first * self._row_bytes)
        view = rows.reshape(-1).view(np.uint8).data
        while view:
            done = self._file.readinto(view)
            if not done:
                raise ValueError(f'{self._file.name} is cut off: delete it.')
            view = view[done:]

    def __del__(self) -> None:
        if hasattr(self, '_file'):
            self._file.close()


Features = FeatureFile | Tensor


def write_rows(
    path: Path, shape: tuple[int, int], batches: Iterable[np.ndarray]
) -> None:
    """Write a float32 ``.npy`` file batch by batch.

    It is written, not mapped: on a full disk that is an error, where a write to a
    mapped page would end the process.

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
                    f'shape {batch.shape}: name another layer with --layer.'
                )
            file.write(np.ascontiguousarray(batch, DTYPE).data)
            written += len(batch)
    if written != shape[0]:
        raise ValueError(f'Expected {shape[0]} samples, but got {written}.')


CHUNK = 1 << 20
ABANDONED_AFTER = 3600.0  # seconds without a write


@dataclass(frozen=True)
class Split:
    """Features and labels of one split.

    Attributes:
        features: what goes into the class layer, ``(N, D)``.
        labels: ``(N,)`` int64.
    """

    features: FeatureFile
    labels: np.ndarray


@dataclass(frozen=True)
class Source:
    """What features come from.

    Attributes:
        cfg: of the training or test.
        model: built and loaded, in eval mode.
        layer_name: of the class layer.
        layer: the class layer.
        checkpoint_digest: of the checkpoint file; see :func:`file_digest`.
    """

    cfg: Config
    model: BaseModel
    layer_name: str
    layer: nn.Linear
    checkpoint_digest: str


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def cached_features(
    source: Source, split: str, loader: DataLoader, folder: Path, console: Console
) -> Split:
    """Features of a split, from the cache or else from a run of the model.

    They are found again for the same checkpoint, model, layer, data set, pipeline and
    labels. **Image files that were changed in place are not noticed**: delete the
    folder. The run is as a test is: every sample once, training images prepared as
    test images are, so without augmentation.

    Args:
        source: what to run.
        split: ``'train'`` or ``'val'``.
        loader: of the split, from :func:`mmgala.apis.inference.build_whole_split`.
        folder: of the cache; a folder ``<split>-<digits>`` is made in it.
        console: to show progress on, and whether the cache is used.

    Raises:
        OSError: if they cannot be written; nothing is left then.
        ValueError: if a sample has no label, several, or one out of range, or the
            model's scores are not the softmax of the layer's outputs.
        TypeError: if the data set does not tell its labels.
    """
    count_classes(loader.dataset, source.layer.out_features)  # checks the labels
    labels = dataset_labels(loader.dataset)
    about = _describe(source, split, labels)
    digest = hashlib.sha256(about.encode()).hexdigest()
    path = folder / f'{split}-{digest[:16]}'
    if path.is_dir():
        console.print(f'Features of {split} are taken from {path}.')
    else:
        with _whole_or_nothing(path, (len(labels), source.layer.in_features)) as part:
            _compute(source, loader, len(labels), split, part, console)
            (part / 'about.json').write_text(about)
        console.print(f'Features of {split} are in {path}.')
    stored = np.load(path / 'labels.npy', allow_pickle=False)
    return Split(FeatureFile(path / 'features.npy'), stored)


def _describe(source: Source, split: str, labels: np.ndarray) -> str:
    """All that features follow from, as text."""
    cfg = source.cfg
    # Training images go through the pipeline of the test set, or else validation set.
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
def _whole_or_nothing(path: Path, shape: tuple[int, int]) -> Iterator[Path]:
    """A folder to write to, that becomes ``path`` or else is removed."""
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        part = Path(tempfile.mkdtemp(prefix=f'{path.name}.partial-', dir=path.parent))
        yield part
        try:
            os.replace(part, path)
        except OSError:
            if not path.is_dir():  # else another process has just made it
                raise
    except OSError as error:
        raise OSError(
            f'The features, {4 * shape[0] * shape[1] / 1e6:.0f} MB, were not written '
            f'to {path.parent} ({error}): make room, or name another folder with '
            '--features.'
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what a killed run left of the same features."""
    for part in path.parent.glob(f'{path.name}.partial-*'):
        changed = max(p.stat().st_mtime for p in (part, *part.iterdir()))
        if time.time() - changed > ABANDONED_AFTER:
            shutil.rmtree(part, ignore_errors=True)


def _compute(
    source: Source,
    loader: DataLoader,
    num_samples: int,
    split: str,
    folder: Path,
    console: Console,
) -> None:
    """Run the model; features go to the disk batch by batch."""
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


def _check_scores(source: Source, features: Tensor, scores: Tensor) -> None:
    """Check that scores are the softmax of what the layer gives, and of nothing more.

    Raises:
        ValueError: if they are not, as with a sigmoid or a re-balancer.
    """
    logits = source.layer(features)
    if logits.shape == scores.shape:
        expected = logits.float().softmax(dim=1).to(scores.device)
        if torch.allclose(expected, scores.float(), rtol=1e-2, atol=1e-4):
            return
    raise ValueError(
        f"The model's scores are not the softmax of the outputs of {source.layer_name}"
        ': only such a classifier can be adjusted. A head with a re-balancer or other '
        'corrections: give the config and checkpoint from before it was fitted. A head '
        'that scales these outputs, or ends in a sigmoid, cannot be.'
    )
