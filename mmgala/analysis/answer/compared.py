"""What the sentences are about: the rows, the test set and its classes."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mmgala.analysis.differences import Differences
from mmgala.analysis.results import classes_by_group
from mmgala.analysis.rows import Row, leading_metric
from mmgala.functional import ShotThresholds


@dataclass(frozen=True)
class Line:
    """A part of the answer.

    Attributes:
        topic: what it is about, a key of :data:`TOPICS`.
        text: one or several sentences.
        command: a command that does what the text advises, if any.
    """

    topic: str
    text: str
    command: str = ''


FITTED = 'fitted.pth'
# Headings of the lines.
TOPICS = {
    'accuracy': 'Accuracy',
    'groups': 'Tail and head',
    'classes': 'Classes',
    'calibration': 'Calibration',
    'next': 'Next',
}


@dataclass(frozen=True)
class Place:
    """Where a method's model is, as words of a command.

    Attributes:
        config: its config.
        checkpoint: its checkpoint.
        fitted: checkpoint to write if post-hoc steps are fitted.
    """

    config: str = 'CONFIG'
    checkpoint: str = 'CHECKPOINT'
    fitted: str = 'OUT.pth'

    @classmethod
    def at(cls, config: Path | None, checkpoint: Path | None) -> 'Place':
        """The place with these files; a capital word stands for an unknown one."""
        place = cls() if config is None else cls(config=_word(config))
        if checkpoint is None:
            return place
        fitted = checkpoint.with_name(FITTED)
        return replace(place, checkpoint=_word(checkpoint), fitted=_word(fitted))


def _word(path: Path) -> str:
    """A path as a word of a command, from the current folder if it is inside."""
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


@dataclass(frozen=True)
class Compared:
    """Rows to describe, from one test set.

    Attributes:
        rows: at least one; the first is what the others are compared with.
        targets: label of each test image, ``(N,)``.
        class_counts: training images of each class, ``(C,)``.
        class_names: C names. Defaults to the indices.
        thresholds: shot thresholds.
        places: of the models, by method.
    """

    rows: Sequence[Row]
    targets: np.ndarray
    class_counts: Sequence[int] | np.ndarray
    class_names: Sequence[str] | None = None
    thresholds: ShotThresholds = field(default_factory=ShotThresholds)
    places: Mapping[str, Place] = field(default_factory=dict)

    @cached_property
    def differences(self) -> Differences:
        """Differences between the rows."""
        return Differences(self.rows, self.targets)

    @cached_property
    def lead(self) -> str:
        """The metric that rows are compared by."""
        return leading_metric(self.targets)

    @cached_property
    def level(self) -> list[Row]:
        """The highest row, then those within chance of it."""
        return self.differences.level_with_highest()

    @property
    def base(self) -> Row:
        """The row that the others are compared with."""
        return self.rows[0]

    @property
    def best(self) -> Row:
        """The row with the highest leading metric."""
        return self.level[0]

    @property
    def contrast(self) -> tuple[Row, Row] | None:
        """Two rows to compare in detail, the lower one first; None if there is one.

        The first row with the highest other one; of one method, in the order of rows.
        """
        others = self.rows[1:]
        if not others:
            return None
        other = max(others, key=lambda row: row.mean(self.lead))
        behind = other.mean(self.lead) < self.base.mean(self.lead)
        if behind and other.method != self.base.method:
            return other, self.base
        return self.base, other

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """Class indices of the shot groups that have test images, head first."""
        tested = np.unique(self.targets)
        groups = classes_by_group(self.class_counts, self.thresholds)
        found = {name: np.intersect1d(c, tested) for name, c in groups.items()}
        return {name: classes for name, classes in found.items() if len(classes)}

    def name_of(self, index: int) -> str:
        """Name of a class."""
        return str(index) if self.class_names is None else self.class_names[index]
