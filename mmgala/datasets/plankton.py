"""PlanktonSet 1.0: real images with a natural long tail, for one CPU."""

import numpy as np

from mmgala.datasets.array_dataset import ArrayFolder
from mmgala.datasets.hashed_split import hashed_split
from mmgala.registry import DATASETS

NAMES_FILE = 'names.txt'
# Percent of each class; the rest is for training.
HELD_OUT = {'val': 15, 'test': 25}


@DATASETS.register_module()
class PlanktonSet(ArrayFolder):
    """PlanktonSet 1.0: 30,336 grey images of plankton, 121 classes, 1,979 to 9 of each.

    The labelled images of the National Data Science Bowl (Cowen et al. 2015,
    *PlanktonSet 1.0*, NOAA NCEI accession 0127422). There is no official split. This
    one is stratified: about 60 % of each class for training, 15 % for validation and
    25 % for testing, at least one image each. A hash of class and file name decides
    (see :func:`mmgala.datasets.hashed_split.hashed_split`), so the split is the same
    on every machine. No part is balanced: compare the mean of the classes' accuracies,
    ``accuracy/class_mean`` of ``mmgala.LongTailedAccuracy``.

    ``metainfo['class_counts']`` are the training images per class, in every split.

    ``data_root`` is what ``tools/prepare_data.py plankton`` makes: ``images.npy``
    ``(N, 64, 64)`` uint8, ``labels.npy``, ``names.txt`` (``class/file`` of each image)
    and ``classes.txt``.

    Args:
        data_root: folder with the files.
        split: ``'train'``, ``'val'`` or ``'test'``.
        **kwargs: ``pipeline`` and others of MMPretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is damaged, or files do not fit each other.
    """

    def hint(self) -> str:
        """How to get the files."""
        return (
            '"python tools/prepare_data.py plankton --source ARCHIVE_OR_FOLDER" makes '
            'the files of PlanktonSet; docs/plankton.md says where to get it.'
        )

    def array_files(self) -> tuple[str, str]:
        """Names of the files with the images and the labels, of all splits."""
        return 'images.npy', 'labels.npy'

    def choose(self, labels: np.ndarray) -> np.ndarray:
        """Indices of the images of this split; counts the training images."""
        path = self.existing(NAMES_FILE)
        names = path.read_text(encoding='utf-8').splitlines()
        if len(names) != len(labels):
            raise ValueError(
                f'Expected one name for each of the {len(labels)} images in {path}, '
                f'but got {len(names)}. {self.hint()}'
            )
        parts = hashed_split(names, labels, HELD_OUT)
        training = labels[parts == 'train']
        num_classes = len(self._metainfo['classes'])
        counts = np.bincount(training, minlength=num_classes).tolist()
        self._metainfo.setdefault('class_counts', counts)
        return np.flatnonzero(parts == self.split)
