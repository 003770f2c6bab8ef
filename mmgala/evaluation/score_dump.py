"""Collect the scores and labels of a whole data set."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import print_log
from torch import Tensor

from mmgala.evaluation.score_blocks import ScoreBlocks
from mmgala.evaluation.score_gathering import gather_scores
from mmgala.evaluation.score_store import ScoreStore
from mmgala.evaluation.shot_thresholds import (
    THRESHOLDS_KEY,
    read_thresholds,
    stated_thresholds,
    thresholds_meta,
)
from mmgala.functional.checks import check_finite_scores
from mmgala.registry import METRICS
from mmgala.utils.arrays import RowParts, write_npz
from mmgala.utils.checkpoint_origin import Origin
from mmgala.utils.files import replacing

ORIGIN_KEY = 'origin'
PATHS_KEY = 'image_paths'


def stack_scores(data_samples: Sequence[dict]) -> Tensor:
    """``pred_score`` of each sample as one tensor ``(N, C)``.

    Raises:
        ValueError: if a sample has no scores.
    """
    for sample in data_samples:
        if not isinstance(sample.get('pred_score'), Tensor):
            raise ValueError(
                'Expected every prediction to have class scores (`pred_score`), but '
                f'found only {sorted(sample)}: use a model that assigns one of several '
                'classes to each image.'
            )
    return torch.stack([sample['pred_score'] for sample in data_samples])


def stack_targets(data_samples: Sequence[dict]) -> Tensor:
    """``gt_label`` of each sample as one tensor ``(N,)``.

    Raises:
        ValueError: if a sample does not have exactly one label.
    """
    for sample in data_samples:
        label = sample.get('gt_label')
        if not isinstance(label, Tensor) or label.numel() != 1:
            found = 'none' if label is None else f'{label.numel()}'
            raise ValueError(
                f'Expected one ground-truth label per test sample, but found {found}. '
                'Without labels there are no metrics: to save predictions, test with '
                '--out FILE --cfg-options "test_evaluator=[]".'
            )
    return torch.cat([sample['gt_label'].flatten() for sample in data_samples])


def add_dump(evaluator: Evaluator, dump: BaseMetric) -> None:
    """Add a dump to an evaluator, with the metadata of the other metrics."""
    stated = stated_thresholds(evaluator.metrics)
    meta = dict(evaluator.dataset_meta or {})
    dump.dataset_meta = {**meta, **thresholds_meta(stated)} if stated else meta
    evaluator.metrics.append(dump)


@METRICS.register_module()
class ScoreDump(BaseMetric):
    """Collect scores and targets, and write them as ``.npz`` (no pickle).

    The scores are kept in a :class:`mmgala.evaluation.score_store.ScoreStore`, and
    gathered from all ranks, and written, block by block.

    Attributes:
        blocks (ScoreBlocks): scores ``(N, C)`` in the order of the data set, to be read
            block by block; on rank 0, after ``evaluate``.
        targets (numpy.ndarray): ``(N,)`` int64, likewise; empty for unlabelled data.
        paths: path of each image, likewise; empty for data that are not in files.
        origin: checkpoint of the model, if it is known.

    Args:
        out_file_path: where to write ``pred_score`` ``(N, C)`` float32, ``gt_label``
            ``(N,)`` int64 (absent for unlabelled data) and, where known,
            ``class_counts`` ``(C,)`` int64 of the training set (and ``class_draws``,
            samples of an epoch, where its wrappers repeat images), ``shot_thresholds``
            (many and few) ``(2,)`` int64, ``class_names`` ``(C,)`` text, the
            ``origin`` ``(2,)``, name of the checkpoint and digest of its weights, and
            ``image_paths`` ``(N,)`` text. By default, no file is written.
        storage: where the scores are kept; see
            :class:`mmgala.evaluation.score_store.ScoreStore`.
    """

    default_prefix = 'scores'
    origin: Origin | None = None

    def __init__(self, out_file_path: str | None = None, storage: str = 'auto') -> None:
        super().__init__()
        if out_file_path is not None and not out_file_path.endswith('.npz'):
            raise ValueError(
                f'Expected a .npz file for scores, but got {out_file_path}.'
            )
        self.out_file_path = out_file_path
        self.storage = storage
        self._store = ScoreStore(storage)
        self.blocks: ScoreBlocks = self._store
        self.targets: np.ndarray = np.zeros(0, dtype=np.int64)
        self.paths: list[str] = []

    @property
    def scores(self) -> np.ndarray:
        """``blocks`` as one array, ``(N, C)`` float32; it needs memory for all."""
        return self.blocks.numpy()

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the scores and the label of each sample."""
        if not data_samples:
            return
        scores = stack_scores(data_samples).float().cpu()
        labelled = any(sample.get('gt_label') is not None for sample in data_samples)
        targets = (
            stack_targets(data_samples).tolist() if labelled else [None] * len(scores)
        )
        paths = (sample.get('img_path') for sample in data_samples)
        self._store.append(scores)
        self.results += zip(targets, paths, strict=True)

    def evaluate(self, size: int) -> dict:
        """Gather what all ranks collected, and write the file.

        Args:
            size: length of the data set, without padding samples.

        Raises:
            ValueError: if scores are not finite, or only some samples have a label.
        """
        self.blocks = gather_scores(self._store, size)
        self._store = ScoreStore(self.storage)
        return super().evaluate(size)

    def compute_metrics(self, results: list) -> dict:
        """Write labels and scores; there is no metric to report.

        Raises:
            ValueError: if scores are not finite, or only some samples have a label.
        """
        for _, part in self.blocks.parts():
            check_finite_scores(part.sum(dim=1))
        known = [target for target, _ in results if target is not None]
        if known and len(known) < len(results):
            raise ValueError(
                f'Expected every sample or none to have a label, but {len(known)} of '
                f'{len(results)} have one.'
            )
        self.targets = np.array(known, dtype=np.int64)
        paths = [path for _, path in results]
        self.paths = paths if all(isinstance(path, str) for path in paths) else []
        if self.out_file_path is not None:
            with replacing(self.out_file_path) as unfinished:
                write_npz(unfinished, self._arrays())
            print_log(f'Scores are in {self.out_file_path}.', logger='current')
        return {}

    def _arrays(self) -> dict[str, Any]:
        """What the file holds: the scores, and what is known besides."""
        parts = (part.numpy() for _, part in self.blocks.parts())
        arrays: dict[str, Any] = dict(pred_score=RowParts(self.blocks.shape, parts))
        if len(self.targets):
            arrays['gt_label'] = self.targets
        meta = self.dataset_meta or {}
        for key in ('class_counts', 'class_draws'):
            if meta.get(key) is not None:
                arrays[key] = np.asarray(meta[key])
        if (thresholds := read_thresholds(meta)) is not None:
            arrays[THRESHOLDS_KEY] = np.array(astuple(thresholds))
        names = meta.get('classes') or ()
        if len(names) == self.blocks.shape[1]:  # otherwise they name something else
            arrays['class_names'] = np.array(names, dtype=np.str_)
        if self.paths:
            arrays[PATHS_KEY] = np.array(self.paths, dtype=np.str_)
        if self.origin is not None:
            arrays[ORIGIN_KEY] = np.array(astuple(self.origin), dtype=np.str_)
        return arrays
