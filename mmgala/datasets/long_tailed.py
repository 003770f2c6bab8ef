"""Long-tailed subsets of any single-label data set."""

import copy
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log

from mmgala.datasets.labels import (
    count_classes,
    count_images_and_draws,
    dataset_labels,
    random_rank_in_class,
)
from mmgala.functional import largest_head_count, long_tailed_counts
from mmgala.registry import DATASETS


@DATASETS.register_module()
class LongTailedDataset:
    """Long-tailed subset of another data set.

    Classes keep their order, and class 0 is the most frequent. The selected samples
    depend only on ``seed``, so every rank and every run trains on the same subset.
    ``metainfo['class_counts']`` holds the number of distinct images per class, which is
    that of the samples unless the wrapped data set repeats images.

    Args:
        dataset: single-label data set, or its config.
        imbalance_factor: ratio of the largest to the smallest class count, at least 1.
        profile: ``'exp'``, ``'step'`` or ``'pareto'``; see
            :func:`mmgala.functional.long_tailed_counts`.
        seed: seed of the selection.
        max_count: number of samples of class 0. Defaults to the largest number for
            which all classes have enough samples to follow the profile; for a balanced
            data set, that is the size of its classes.
        left_out: take the samples that this subset leaves out instead. Disjoint from
            the subset, they can validate what is trained on it. ``class_counts`` are
            theirs, and 0 for a class of which nothing is left.
        lazy_init: whether to postpone loading until :meth:`full_init` is called.

    Raises:
        ValueError: if ``imbalance_factor`` is below 1, a class would be empty or has
            too few samples for its count, samples have several labels, or ``left_out``
            is set and the subset leaves nothing out.
    """

    def __init__(
        self,
        dataset: BaseDataset | dict,
        imbalance_factor: float,
        profile: str = 'exp',
        seed: int = 0,
        max_count: int | None = None,
        left_out: bool = False,
        lazy_init: bool = False,
    ) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.imbalance_factor = imbalance_factor
        self.profile = profile
        self.seed = seed
        self.max_count = max_count
        self.left_out = left_out
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """Copy of the wrapped data set's meta information, plus ``class_counts``."""
        return copy.deepcopy(self._metainfo)

    @property
    @force_full_init
    def indices(self) -> np.ndarray:
        """Index of each sample in the wrapped data set, ``(N,)`` int64."""
        return self._indices

    @property
    def CLASSES(self) -> tuple[str, ...] | None:
        """Names of the classes."""
        return self._metainfo.get('classes')

    def full_init(self) -> None:
        """Load the wrapped data set and select the subset."""
        if self._fully_initialized:
            return
        self.dataset.full_init()
        self._metainfo = self.dataset.metainfo
        available = count_images_and_draws(self.dataset)
        counts = self._target_counts(available.draws)
        labels = dataset_labels(self.dataset)
        keep = random_rank_in_class(labels, self.seed) < np.asarray(counts)[labels]
        if self.left_out:
            keep = ~keep
            counts = self._left_out_counts(available.draws, counts)
        self._indices = np.flatnonzero(keep)
        self.reload_labels()
        self._fully_initialized = True
        copies = available.images != available.draws
        self._metainfo['class_counts'] = count_classes(self) if copies else counts
        print_log(
            f'{"Left out of the long" if self.left_out else "Long"}-tailed subset: '
            f'{len(self._indices)} of {len(labels)} samples, '
            f'{max(counts)} to {min(counts)} per class.',
            logger='current',
        )

    def _target_counts(self, available: list[int]) -> list[int]:
        max_count = self.max_count
        if max_count is None:
            largest = largest_head_count(available, self.imbalance_factor, self.profile)
            max_count = max(1, largest)
        counts = long_tailed_counts(
            len(available), max_count, self.imbalance_factor, self.profile
        )
        for index, (count, size) in enumerate(zip(counts, available, strict=True)):
            name = f'class {index}'
            if self.CLASSES is not None:
                name += f' ({self.CLASSES[index]})'
            if size == 0:
                raise ValueError(f'{name} has no samples in the wrapped data set.')
            if count == 0:
                raise ValueError(
                    f'imbalance_factor={self.imbalance_factor} leaves {name} without '
                    f'samples: the largest class has {max_count}, so choose a factor '
                    f'below {max_count}.'
                )
            if count > size:
                raise ValueError(
                    f'{name} has {size} samples, but max_count={max_count} requires '
                    f'{count}: reduce max_count or leave it out.'
                )
        return counts

    @staticmethod
    def _left_out_counts(available: list[int], taken: list[int]) -> list[int]:
        counts = [size - count for size, count in zip(available, taken, strict=True)]
        if not any(counts):
            raise ValueError(
                'left_out=True needs samples that the long-tailed subset does not '
                'take, but it takes all: increase imbalance_factor or reduce max_count.'
            )
        return counts

    def reload_labels(self) -> None:
        """Read the labels of the subset, also after those of the samples changed."""
        self._labels = dataset_labels(self.dataset)[self._indices]

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Label of each sample, ``(N,)`` int64."""
        return self._labels

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one sample, in a list."""
        return [int(self._labels[idx])]

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Annotation of one sample."""
        return self.dataset.get_data_info(int(self._indices[idx]))

    @force_full_init
    def __len__(self) -> int:
        return len(self._indices)

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        return self.dataset[int(self._indices[idx])]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(imbalance_factor={self.imbalance_factor}, '
            f'profile={self.profile!r}, seed={self.seed}, left_out={self.left_out}, '
            f'dataset={self.dataset!r})'
        )
