"""Read and check predictions written by ``mmgala test --out x.npz``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from mmgala.evaluation.score_blocks import ScoreBlocks, blocks_of
from mmgala.evaluation.score_dump import ORIGIN_KEY, PATHS_KEY
from mmgala.evaluation.score_files import read_scores_in_blocks
from mmgala.evaluation.shot_thresholds import THRESHOLDS_KEY
from mmgala.functional import ShotThresholds
from mmgala.functional.checks import check_logits_and_target
from mmgala.utils.arrays import UNREADABLE, read_npz
from mmgala.utils.checkpoint_origin import Origin

WRITE_COMMAND = 'mmgala test CONFIG CHECKPOINT --out x.npz'
REQUIRED_ARRAYS = ('gt_label', 'pred_score')
ARRAYS = (
    'pred_score',
    'gt_label',
    'class_counts',
    'class_names',
    THRESHOLDS_KEY,
    ORIGIN_KEY,
    PATHS_KEY,
)
Content = TypeVar('Content')


@dataclass(frozen=True)
class PredictionDump:
    """Predictions on one data set.

    Attributes:
        scores: softmax scores, ``(N, C)`` float32, whole or in blocks.
        targets: labels, ``(N,)`` int64.
        class_counts: number of *training* samples per class, ``(C,)`` int64, if known.
        class_names: ``(C,)``, if known.
        thresholds: shot thresholds, if known.
        origin: checkpoint that made them, if known.
        paths: path of each image, ``(N,)``, if known.
    """

    scores: np.ndarray | ScoreBlocks
    targets: np.ndarray
    class_counts: np.ndarray | None = None
    class_names: list[str] | None = None
    thresholds: ShotThresholds | None = None
    origin: Origin | None = None
    paths: list[str] | None = None

    @property
    def blocks(self) -> ScoreBlocks:
        """The scores in blocks."""
        return blocks_of(self.scores)

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        return self.scores.shape[1]

    def with_counts(
        self, class_counts: Sequence[float] | np.ndarray
    ) -> 'PredictionDump':
        """The same predictions with these training counts.

        Raises:
            ValueError: if they are not non-negative integers, one per class, or all 0.
        """
        values = np.asarray(class_counts)
        self._check_length('class_counts', values)
        with np.errstate(invalid='ignore'):  # NaN
            counts = values.astype(np.int64)
        wrong = (counts < 0) | (counts != values)
        if wrong.any():
            raise ValueError(
                'Expected class counts to be whole numbers of 0 or more, but got '
                f'{values[wrong][0]}.'
            )
        if not counts.any():
            raise ValueError(
                'Expected class counts of training samples, but all are 0.'
            )
        return replace(self, class_counts=counts)

    def without_scores(self) -> 'PredictionDump':
        """The same dump without scores; only the number of classes is kept."""
        return replace(self, scores=np.empty((0, self.num_classes), np.float32))

    def check(self) -> None:
        """Check that the fields are consistent.

        Raises:
            ValueError: if shapes differ, labels are out of range, or scores are not
                probabilities.
        """
        shape = tuple(self.scores.shape)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(
                'Expected scores of shape (N, C) with samples and classes, but got '
                f'{shape}.'
            )
        # The check reads the shape of the scores alone.
        check_logits_and_target(
            torch.empty(()).expand(shape), torch.from_numpy(self.targets)
        )
        self.blocks.check()
        if self.class_names is not None:
            self._check_length('class_names', self.class_names)

    def _check_length(self, name: str, vector: Sequence | np.ndarray) -> None:
        if np.shape(vector) != (self.num_classes,):
            raise ValueError(
                f'Expected `{name}` to have {self.num_classes} values, one per class '
                f'of the scores, but got shape {np.shape(vector)}.'
            )


def read_predictions(path: str | Path, whole: bool = True) -> PredictionDump:
    """Read and check a file of :class:`mmgala.evaluation.ScoreDump`.

    Args:
        path: of the file.
        whole: whether the scores are read into one array. Otherwise they are in a
            :class:`mmgala.evaluation.score_store.ScoreStore`, which keeps up to 256 MiB
            of them in memory, and more in a temporary file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged or another kind of file, or if its arrays are not
            probabilities, labels and training counts that match each other.
    """
    path = Path(path)
    scores: np.ndarray | ScoreBlocks | None = None
    if not whole:
        scores = _read(path, lambda: read_scores_in_blocks(path))
    arrays = _read_arrays(path, ARRAYS if scores is None else ARRAYS[1:])
    targets = arrays['gt_label']
    if scores is None:
        scores = arrays['pred_score']
        if scores.dtype.kind == 'f':
            scores = scores.astype(np.float32, copy=False)
    kind = np.dtype(np.float32) if isinstance(scores, ScoreBlocks) else scores.dtype
    if kind.kind != 'f' or targets.dtype.kind not in 'iu':
        raise ValueError(
            f'Expected {path} to hold floating `pred_score` and integer `gt_label`, '
            f'but got {kind} and {targets.dtype}.'
        )
    dump = PredictionDump(scores, targets.astype(np.int64, copy=False))
    if 'class_names' in arrays:
        names = [str(name) for name in np.atleast_1d(arrays['class_names'])]
        dump = replace(dump, class_names=names)
    if PATHS_KEY in arrays and arrays[PATHS_KEY].shape == targets.shape:
        dump = replace(dump, paths=[str(path) for path in arrays[PATHS_KEY]])
    if ORIGIN_KEY in arrays and arrays[ORIGIN_KEY].shape == (2,):
        dump = replace(dump, origin=Origin(*map(str, arrays[ORIGIN_KEY])))
    try:
        dump.check()
        if 'class_counts' in arrays:
            dump = dump.with_counts(arrays['class_counts'])
        if THRESHOLDS_KEY in arrays:
            dump = replace(dump, thresholds=_thresholds(arrays[THRESHOLDS_KEY]))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return dump


def _thresholds(stored: np.ndarray) -> ShotThresholds:
    if stored.shape != (2,) or stored.dtype.kind not in 'iu':
        raise ValueError(
            f'Expected `{THRESHOLDS_KEY}` to be two integers, `many` and `few`, '
            f'but got {stored!r}.'
        )
    return ShotThresholds(*stored.tolist())


def predictions_thresholds(path: str | Path) -> ShotThresholds | None:
    """Read the shot thresholds of a file of predictions, but not its scores.

    Raises:
        ValueError: as :func:`read_predictions`.
    """
    stored = _read_arrays(Path(path), (THRESHOLDS_KEY,))
    return _thresholds(stored[THRESHOLDS_KEY]) if stored else None


def _read_arrays(path: Path, keys: Sequence[str] = ARRAYS) -> dict[str, np.ndarray]:
    return _read(path, lambda: read_npz(path, keys, REQUIRED_ARRAYS))


def _read(path: Path, reading: Callable[[], Content]) -> Content:
    """Do what reads a file of predictions, and say what is wrong with the file."""
    if path.suffix in ('.pkl', '.pickle'):
        raise ValueError(
            f'{path} is a pickle file, which can run arbitrary code when it is loaded: '
            f'write the predictions as .npz instead, with {WRITE_COMMAND}.'
        )
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist or is not a file: write predictions with '
            f'{WRITE_COMMAND}.'
        )
    try:
        return reading()
    except UNREADABLE as error:
        reason = str(error)
        if 'allow_pickle' in reason:
            reason = 'it contains pickled objects or is not an .npz file'
        raise ValueError(
            f'{path} cannot be read as predictions ({reason}): write it again with '
            f'{WRITE_COMMAND}.'
        ) from error


def check_same_data(
    first: PredictionDump, other: PredictionDump, names: tuple[str, str]
) -> None:
    """Check that two runs have the same test set and the same training counts.

    Optional fields are compared only if both dumps have them.

    Args:
        first: a dump, with or without scores.
        other: another dump.
        names: names of both runs, for the message.

    Raises:
        ValueError: if they differ in classes, samples, labels, training counts, class
            names or shot thresholds; the message names the first difference.
    """
    pairs: tuple[tuple[str, Any, Any], ...] = (
        ('numbers of classes', first.num_classes, other.num_classes),
        ('numbers of samples', len(first.targets), len(other.targets)),
        ('labels', first.targets, other.targets),
        ('class counts', first.class_counts, other.class_counts),
        ('class names', first.class_names, other.class_names),
        ('shot thresholds', first.thresholds, other.thresholds),
    )
    for what, a, b in pairs:
        if a is None or b is None or np.array_equal(a, b):
            continue
        where = ''
        if np.ndim(a):
            i = int(np.flatnonzero(np.asarray(a) != np.asarray(b))[0])
            a, b, where = a[i], b[i], f' at {i}'
        raise ValueError(
            f'{names[0]} and {names[1]} are predictions on different data: their '
            f'{what}{where} are {a} and {b}.'
        )
