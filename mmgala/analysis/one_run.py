"""The report on one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmgala.analysis.samples import RunGuesses
from mmgala.functional import ShotThresholds


@dataclass(frozen=True)
class RunReport:
    """Report on one run; parts without data are None.

    Attributes:
        name: name of the run, for legends.
        source: folder from which it was read, for messages.
        class_counts: number of training samples per class, ``(C,)``.
        thresholds: shot thresholds.
        class_names: C names, if known.
        gradients: result of :func:`mmgala.analysis.describe_gradients`.
        vectors: result of :func:`mmgala.analysis.describe_class_vectors`, with
            ``split``.
        predictions: result of :func:`mmgala.analysis.analyse_predictions`.
        targets: label of each test sample, if there are predictions.
        missing: command that creates it, for each part without data.
        warnings: what is wrong with the parts, in words.
        course: result of :func:`mmgala.analysis.run_course.read_course`.
        setup: result of :func:`mmgala.analysis.run_setup.read_setup`.
        guesses: predicted class of each test sample, raw and re-balanced.
        paths: path of each test image, if the predictions state them.
    """

    name: str
    source: str
    class_counts: Sequence[int]
    thresholds: ShotThresholds
    class_names: Sequence[str] | None = None
    gradients: dict[str, Any] | None = None
    vectors: dict[str, Any] | None = None
    predictions: dict[str, Any] | None = None
    targets: np.ndarray | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    course: dict[str, Any] | None = None
    setup: dict[str, str] | None = None
    guesses: RunGuesses | None = None
    paths: Sequence[str] | None = None
