"""PlanktonSet 1.0: real images with a natural long tail, small enough for a CPU."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from mmgala.datasets.array_dataset import ArrayFolder
from mmgala.registry import DATASETS
from mmgala.utils.files import read_bytes

NAMES_FILE = 'names.txt'
HELD_OUT_PERCENT = {'val': 15, 'test': 25}


@DATASETS.register_module()
class PlanktonSet(ArrayFolder):
    """PlanktonSet 1.0: 30,336 greyscale plankton images, 121 classes of 9 to 1,979.

    The labelled images of the National Data Science Bowl (Cowen et al. 2015,
    *PlanktonSet 1.0*, NOAA NCEI accession 0127422). There is no official split. Ours
    is stratified: about 60 % of each class for training, 15 % for validation and 25 %
    for testing, with at least one image each. It is based on hashes of class and file
    names (see :func:`mmgala.datasets.plankton.hashed_split`), hence identical on
    every machine. No split is balanced, so compare models by their mean per-class
    accuracy, ``accuracy/class_mean`` of ``mmgala.LongTailedAccuracy``.

    ``metainfo['class_counts']`` holds the number of training images per class in every
    split.

    ``mmgala prepare plankton`` creates the files: ``images.npy``
    (``(N, 64, 64)`` uint8), ``labels.npy``, ``names.txt`` (``class/file`` of each
    image) and ``classes.txt``.

    Args:
        data_root: folder that contains the files.
        split: ``'train'``, ``'val'`` or ``'test'``.
        **kwargs: passed to MMPretrain's ``BaseDataset``, such as ``pipeline``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or files do not match.
    """

    def missing_files_hint(self) -> str:
        """How to create the files."""
        return (
            'Create the files with "mmgala prepare plankton --source '
            'ARCHIVE_OR_FOLDER"; docs/plankton.md explains where to get the data.'
        )

    def array_files(self) -> tuple[str, str]:
        """File names of the image array and the label array of all splits."""
        return 'images.npy', 'labels.npy'

    def split_indices(self, labels: np.ndarray) -> np.ndarray:
        """Select the images of this split, and set ``class_counts``."""
        path = self.require_file(NAMES_FILE)
        names = read_bytes(path).decode().splitlines()
        if len(names) != len(labels):
            raise ValueError(
                f'Expected one name for each of the {len(labels)} images in {path}, '
                f'but got {len(names)}. {self.missing_files_hint()}'
            )
        parts = hashed_split(names, labels, HELD_OUT_PERCENT)
        training = labels[parts == 'train']
        num_classes = len(self._metainfo['classes'])
        counts = np.bincount(training, minlength=num_classes).tolist()
        self._metainfo.setdefault('class_counts', counts)
        return np.flatnonzero(parts == self.split)


def held_out_counts(count: int, percent: Mapping[str, int]) -> dict[str, int]:
    """Number of images of one class in each held-out split.

    The percentage is rounded to the nearest integer (halves up), with a minimum of one.

    Args:
        count: number of images of the class.
        percent: percentage of each held-out split.

    Examples:
        >>> held_out_counts(9, {'val': 15, 'test': 25})
        {'val': 1, 'test': 2}
    """
    # Integer arithmetic: a rounded float could differ between machines.
    return {part: max(1, (count * p + 50) // 100) for part, p in percent.items()}


def hashed_split(
    names: Sequence[str], labels: np.ndarray, percent: Mapping[str, int]
) -> np.ndarray:
    """Split each class by the SHA-256 hashes of its images' names.

    The images of a class are sorted by hash and fill the held-out splits one after the
    other; the rest is for training. The order of ``names`` does not matter.

    Args:
        names: N unique names, such as ``class/file.jpg``.
        labels: ``(N,)`` integer labels.
        percent: percentage of each held-out split, in the order of filling.

    Returns:
        ``(N,)`` split of each image: ``'train'`` or a key of ``percent``.

    Raises:
        ValueError: if names repeat, or a class has fewer images than there are splits.
    """
    if len(set(names)) < len(names):
        raise ValueError('Expected unique image names, but some names repeat.')
    parts = np.full(len(names), 'train', dtype=object)
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    order = np.lexsort((np.array(hashes, dtype='U64'), labels))
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        counts = held_out_counts(len(members), percent)
        if sum(counts.values()) >= len(members) > 0:
            raise ValueError(
                f'Expected at least {len(percent) + 1} images per class, one for each '
                f'of train, {", ".join(percent)}, but class {labels[members[0]]} has '
                f'{len(members)}.'
            )
        start = 0
        for part, count in counts.items():
            parts[members[start : start + count]] = part
            start += count
    return parts
