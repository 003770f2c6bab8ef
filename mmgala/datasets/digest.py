"""Digest of a data set: whether results that were computed from it are still valid."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mmgala.datasets.epoch_samples import epoch_samples
from mmgala.datasets.labels import class_names, dataset_labels
from mmgala.utils.files import file_digest

# Files of up to this size in total are compared by content, others by size and time of
# modification.
CONTENT_BYTES = 64 << 20
THREADS = 16  # for file systems on a network, which answer slowly
MISSING = (-1, 0)
# What each digest is of, in messages.
TITLES = {'classes': 'classes', 'labels': 'labels', 'files': 'image files'}


@dataclass(frozen=True)
class DatasetDigest:
    """Digests of a data set, which change if its content does.

    Attributes:
        classes: of the class names.
        labels: of the label of each sample, in order.
        counts: of the number of labels of each class.
        files: of the images. Files are identified by their names below their common
            folder and by their content or, if they are larger than 64 MB in total, by
            their sizes and times of modification. Images without files, such as those
            of :class:`mmgala.datasets.DigitsDataset`, are identified by content.
    """

    classes: str
    labels: str
    counts: str
    files: str

    def as_dict(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)


def dataset_digest(dataset: Any) -> DatasetDigest:
    """Compute the digests of a data set.

    For a million image files on a local disk, it takes about 10 seconds.

    Args:
        dataset: a single-label data set, possibly inside wrappers; see
            :func:`mmgala.datasets.dataset_labels`.

    Raises:
        TypeError: if the data set does not expose its labels.
        ValueError: if a sample does not have exactly one label.
    """
    names, labels = class_names(dataset), dataset_labels(dataset)
    return DatasetDigest(
        classes=text_digest('\n'.join(names)),
        labels=array_digest(labels),
        counts=array_digest(np.bincount(labels[labels >= 0], minlength=len(names))),
        files=_images_digest(dataset),
    )


def text_digest(text: str) -> str:
    """SHA-256 digest of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(values: np.ndarray | Sequence[int]) -> str:
    """SHA-256 digest of integers, in hexadecimal."""
    return hashlib.sha256(np.asarray(values, dtype='<i8').tobytes()).hexdigest()


def changed_parts(
    before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """What has changed in each split, in words; empty without a change.

    Args:
        before: digests as plain data, by split.
        now: likewise.

    Examples:
        >>> now = dict(test=dict(classes='a', labels='b', counts='c', files='d'))
        >>> before = dict(test=dict(classes='a', labels='x', counts='c', files='y'))
        >>> changed_parts(before, now)
        {'test': 'labels and image files'}
    """
    changed = {}
    for split in sorted({*before, *now}):
        old, new = before.get(split), now.get(split)
        if old is None or new is None:
            changed[split] = 'presence'
            continue
        found = [title for key, title in TITLES.items() if old.get(key) != new.get(key)]
        if found:
            changed[split] = ' and '.join(found)
    return changed


def files_digest(paths: Sequence[str]) -> str:
    """Digest of files, in hexadecimal: see :class:`DatasetDigest`.

    Args:
        paths: of the files, in a fixed order.
    """
    digest = hashlib.sha256()
    for part in _file_parts(paths):
        digest.update(part)
    return digest.hexdigest()


def _images_digest(dataset: Any) -> str:
    """Digest of the images of a data set, in the order of its samples."""
    epoch = epoch_samples(dataset)
    digest = hashlib.sha256(np.asarray(epoch.source, dtype='<i8').tobytes())
    digest.update(np.asarray(epoch.index, dtype='<i8').tobytes())
    for source in epoch.sources:
        for part in _source_parts(source):
            digest.update(part)
    return digest.hexdigest()


def _source_parts(source: Any) -> Iterator[bytes]:
    """What identifies the images of a data set without wrappers."""
    if hasattr(source, 'image_files'):
        yield from _file_parts([os.fspath(path) for path in source.image_files()])
        return
    paths: list[str] = []
    for index in range(len(source)):
        info = source.get_data_info(index) if hasattr(source, 'get_data_info') else {}
        if 'img_path' in info:
            paths.append(os.fspath(info['img_path']))
        else:
            yield from _content(info)
    if paths:
        yield from _file_parts(paths)


def _content(info: Mapping[str, Any]) -> Iterator[bytes]:
    for key in sorted(info):
        value = info[key]
        if isinstance(value, np.ndarray):
            yield f'{key} {value.dtype} {value.shape}'.encode()
            yield np.ascontiguousarray(value).tobytes()
        elif key not in ('sample_idx', 'gt_label'):
            yield f'{key} {value!r}'.encode()


def _file_parts(paths: Sequence[str]) -> Iterator[bytes]:
    """Names, and content or sizes and times, of files."""
    states = _file_states(paths)
    small = sum(size for size, _ in states) <= CONTENT_BYTES
    folder = _common_folder(paths)
    for path, (size, time) in zip(paths, states, strict=True):
        name = path.removeprefix(folder)
        state = file_digest(path) if small and size >= 0 else f'{size} {time}'
        yield f'{name}\0{state}\n'.encode(errors='surrogateescape')


def _common_folder(paths: Sequence[str]) -> str:
    """Folder that contains all files; empty if they have none in common."""
    try:
        return os.path.commonpath({os.path.dirname(path) for path in paths})
    except ValueError:  # relative paths and absolute ones
        return ''


def _file_states(paths: Sequence[str]) -> list[tuple[int, int]]:
    """Size in bytes and time of modification in ns of each file."""
    parts = [paths[start::THREADS] for start in range(THREADS)]
    states = [MISSING] * len(paths)
    with ThreadPoolExecutor(THREADS) as pool:
        for start, found in enumerate(pool.map(_stat_all, parts)):
            states[start::THREADS] = found
    return states


def _stat_all(paths: Sequence[str]) -> list[tuple[int, int]]:
    states = []
    for path in paths:
        try:
            found = os.stat(path)
        except (OSError, ValueError):  # missing, or an address on a network
            states.append(MISSING)
        else:
            states.append((found.st_size, found.st_mtime_ns))
    return states
