"""Labels kept beside the samples, so that half a million are read at once."""

import pickle
from collections.abc import Sequence

import numpy as np
from mmengine.dataset import force_full_init
from mmpretrain.datasets import BaseDataset


class LabelledDataset(BaseDataset):
    """Single-label data set whose labels are one array; base class.

    Labels are kept beside MMEngine's serialised samples: half a million labels are read
    without unpickling as many samples. They follow ``indices`` and ``get_subset``.
    """

    def full_init(self) -> None:
        """Load the annotations, once."""
        if self._fully_initialized:
            return
        super().full_init()
        if not self.serialize_data:
            self._labels = self._labels_of_data_list()

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        # The last moment when samples, filtered and subset, are there as they are.
        self._labels = self._labels_of_data_list()
        # What MMEngine does, without an array per sample: a third of the time.
        samples = [pickle.dumps(info, protocol=4) for info in self.data_list]
        self.data_list.clear()
        address = np.cumsum(np.fromiter(map(len, samples), np.int64, len(samples)))
        return np.frombuffer(b''.join(samples), dtype=np.uint8), address

    def _labels_of_data_list(self) -> np.ndarray:
        return np.array([info['gt_label'] for info in self.data_list], dtype=np.int64)

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Label of each image, ``(N,)`` int64."""
        return self._labels.copy()

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one image, as a list of one."""
        return [int(self._labels[idx])]

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep the first (or, if negative, last) images, or those at ``indices``."""
        super().get_subset_(indices)
        self._labels = _select(self._labels, indices)

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> 'LabelledDataset':
        """As :meth:`get_subset_`, leaving this data set as it is."""
        subset = super().get_subset(indices)
        subset._labels = _select(self._labels, indices)
        return subset


def _select(labels: np.ndarray, indices: int | Sequence[int]) -> np.ndarray:
    if isinstance(indices, int):
        return labels[:indices] if indices >= 0 else labels[indices:]
    return labels[np.asarray(indices, dtype=np.int64)]
