"""Which samples are copies: the same image, or the same instance in an image."""

import hashlib
import os
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

# Entries of an annotation that say nothing about which image it is.
_NO_IDENTITY = {'sample_idx', 'gt_label', 'gt_score'}


def image_ids(sources: Sequence[Any]) -> list[np.ndarray]:
    """Number the images of some data sets; copies of an image have the same number.

    Two samples are the same image if they have the same absolute ``img_path`` and the
    same further annotations, labels apart; links to files are not followed. Without
    paths, as in CIFAR, each sample of a data set is an image of its own unless
    ``indices`` repeat it, and samples of several data sets are compared by content.

    Args:
        sources: data sets without wrappers.

    Returns:
        ``(N,)`` int64 numbers of the samples of each data set.
    """
    alone = len(sources) == 1
    numbers: dict[Hashable, int] = {}
    return [_numbered(_image_keys(source, alone), numbers) for source in sources]


def instance_ids(sources: Sequence[Any]) -> list[list[np.ndarray]]:
    """Number the trained instances of some detection data sets, likewise.

    Two instances are the same if image path, label and box are. Several equal
    instances in one sample are distinct.

    Args:
        sources: detection data sets without wrappers.

    Returns:
        The numbers of the instances of each sample of each data set, in the order of
        :func:`mmgala.datasets.labels.instance_labels`.
    """
    numbers: dict[Hashable, int] = {}
    return [
        [
            _numbered(_instance_keys(source, index), numbers)
            for index in range(len(source))
        ]
        for source in sources
    ]


def trained_instances(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Instances in an annotation, without those ignored in training, as crowds are."""
    return [i for i in info['instances'] if not i.get('ignore_flag')]


def _numbered(keys: Iterable[Hashable], numbers: dict[Hashable, int]) -> np.ndarray:
    found = [numbers.setdefault(key, len(numbers)) for key in keys]
    return np.array(found, dtype=np.int64)


def _instance_keys(source: Any, index: int) -> Iterator[Hashable]:
    info = source.get_data_info(index)
    path = info.get('img_path')
    image = (id(source), index) if path is None else os.path.abspath(path)
    return _told_apart(
        (image, instance['bbox_label'], frozen(instance.get('bbox')))
        for instance in trained_instances(info)
    )


def _image_keys(source: Any, alone: bool) -> Iterable[Hashable]:
    if alone and hasattr(source, 'sample_origins'):
        return source.sample_origins().tolist()
    size = len(source)
    if not size or not hasattr(source, 'get_data_info'):
        return ((id(source), index) for index in range(size))
    if alone and not getattr(source, 'ann_file', '') and _entries_differ(source):
        return range(size)
    infos = (source.get_data_info(index) for index in range(size))
    first = source.get_data_info(0)
    if isinstance(first, Mapping) and 'img_path' in first:
        return map(_content_key, infos)
    if alone:
        return _chosen_indices(source)
    return _told_apart(map(_content_key, infos))


def _entries_differ(source: Any) -> bool:
    """Whether all serialised annotations differ, so that no image is repeated.

    It is a tenth of the time of reading them, which counts for a million images. Only
    a list (``ann_file``) may name an image in several ways.
    """
    ends = getattr(source, 'data_address', None)
    if ends is None or not getattr(source, 'serialize_data', False):
        return False
    content, start, seen = memoryview(source.data_bytes), 0, set()
    for end in ends.tolist():
        seen.add(hash(bytes(content[start:end])))
        start = end
    return len(seen) == len(source)


def _chosen_indices(source: Any) -> Iterable[int]:
    """Samples that the argument ``indices`` of MMEngine's ``BaseDataset`` keeps."""
    chosen = getattr(source, '_indices', None)
    if isinstance(chosen, Sequence) and len(chosen) == len(source):
        return map(int, chosen)
    return range(len(source))


def _told_apart(keys: Iterable[Hashable]) -> Iterator[Hashable]:
    """Number equal keys, so that they are distinct here and equal elsewhere."""
    seen: Counter[Hashable] = Counter()
    for key in keys:
        seen[key] += 1
        yield key, seen[key]


def _content_key(info: Any) -> Hashable:
    """What identifies the image of an annotation."""
    if not isinstance(info, Mapping):
        return frozen(info)
    path, further = info.get('img_path'), info.keys() - _NO_IDENTITY - {'img_path'}
    path = os.path.abspath(path) if isinstance(path, str) else frozen(path)
    return (path, frozen({key: info[key] for key in further})) if further else path


def frozen(value: Any) -> Hashable:
    """A hashable value that is equal for equal content; arrays become digests.

    Examples:
        >>> frozen({'b': [1, 2], 'a': 'x'})
        (('a', 'x'), ('b', (1, 2)))
    """
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), frozen(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, np.ndarray):
        digest = hashlib.blake2b(value.tobytes(), digest_size=16)
        return value.shape, value.dtype.str, digest.digest()
    return value if isinstance(value, Hashable) else repr(value)
