"""Make any single-label data set long-tailed."""

import copy
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log

from mmgala.datasets.labels import (
    count_classes,
    dataset_labels,
    rank_within_class,
)
from mmgala.functional import largest_head_count, long_tailed_counts
from mmgala.registry import DATASETS


@DATASETS.register_module()
class LongTailedDataset:
    """Long-tailed subset of another data set.

    Classes keep their order: class 0 is the head. Which samples of a class are taken
    depends on ``seed`` alone, so that every rank and every run trains on the same
    subset. ``metainfo['class_counts']`` tells the counts.

    Args:
        dataset: data set, or its config, with one label per sample.
        imbalance_factor: samples of the largest class over those of the smallest, 1 or
            more.
        profile: ``'exp'``, ``'step'`` or ``'pareto'``; see
            :func:`mmgala.functional.long_tailed_counts`.
        seed: of the subset.
        max_count: samples of class 0. Defaults to the most that lets every class
            follow the profile: the size of the classes, where they are equal.
        lazy_init: leave loading to :meth:`full_init`.

    Raises:
        ValueError: if ``imbalance_factor`` is below 1, a class would be left empty or
            is too small for its count, or samples have several labels.
    """

    def __init__(
        self,
        dataset: BaseDataset | dict,
        imbalance_factor: float,
        profile: str = 'exp',
        seed: int = 0,
        max_count: int | None = None,
        lazy_init: bool = False,
    ) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.imbalance_factor = imbalance_factor
        self.profile = profile
        self.seed = seed
        self.max_count = max_count
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """Copy of the data set's meta information, with ``class_counts``."""
        return copy.deepcopy(self._metainfo)

    @property
    def CLASSES(self) -> tuple[str, ...] | None:
        """Names of the classes."""
        return self._metainfo.get('classes')

    def full_init(self) -> None:
        """Load the data set and choose the subset."""
        if self._fully_initialized:
            return
        self.dataset.full_init()
        self._metainfo = self.dataset.metainfo
        available = count_classes(self.dataset)
        counts = self._counts(available)
        labels = dataset_labels(self.dataset)
        keep = rank_within_class(labels, self.seed) < np.asarray(counts)[labels]
        self._indices = np.flatnonzero(keep)
        self._labels = labels[self._indices]
        self._metainfo['class_counts'] = counts
        self._fully_initialized = True
        print_log(
            f'Long-tailed subset: {len(self._indices)} of {len(labels)} samples, '
            f'{max(counts)} to {min(counts)} per class.',
            logger='current',
        )

    def _counts(self, available: list[int]) -> list[int]:
        max_count = self.max_count
        if max_count is None:
            largest = largest_head_count(available, self.imbalance_factor, self.profile)
            max_count = max(1, largest)
        counts = long_tailed_counts(
            len(available), max_count, self.imbalance_factor, self.profile
        )
        for index, (count, there) in enumerate(zip(counts, available, strict=True)):
            name = f'class {index}'
            if self.CLASSES is not None:
                name += f' ({self.CLASSES[index]})'
            if there == 0:
                raise ValueError(f'{name} has no samples in the wrapped data set.')
            if count == 0:
                raise ValueError(
                    f'imbalance_factor={self.imbalance_factor} leaves {name} without '
                    f'samples: the largest class has {max_count}, so choose less than '
                    f'{max_count}.'
                )
            if count > there:
                raise ValueError(
                    f'{name} has {there} samples, but max_count={max_count} asks for '
                    f'{count}: lower max_count, or leave it out.'
                )
        return counts

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Label of each sample, ``(N,)`` int64."""
        return self._labels

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """Label of one sample, as a list of one."""
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
            f'profile={self.profile!r}, seed={self.seed}, dataset={self.dataset!r})'
        )
