"""The answer of a report, from the predictions of its runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.analysis.answer import Compared, Line, answer, method_note
from mmgala.analysis.one_run import RunReport
from mmgala.analysis.rows import Row
from mmgala.analysis.run_files import commands_for, place_of
from mmgala.analysis.seeds import MethodRuns

# Raw and re-balanced predictions: the post-hoc step, and what follows the name.
KINDS = {'raw': ('', ''), 'rebalanced': ('rebalancing', ' + re-balancing')}


def answer_of(
    runs: Sequence[RunReport], methods: Sequence[MethodRuns]
) -> tuple[list[Line], str]:
    """The answer, and a note on how sure it is.

    Args:
        runs: of the same classes and test images.
        methods: their methods; the first is what the others are compared with.
    """
    rows = [row for method in methods for row in _rows(runs, method)]
    if not rows:
        return _without_predictions(runs), ''
    first = next(run for run in runs if run.targets is not None)
    assert first.targets is not None
    names = next((run.class_names for run in runs if run.class_names), None)
    places = {
        method.name: place_of(Path(runs[method.runs[0]].source)) for method in methods
    }
    about = Compared(
        rows, first.targets, first.class_counts, names, first.thresholds, places
    )
    return answer(about), method_note(about)


def _rows(runs: Sequence[RunReport], method: MethodRuns) -> list[Row]:
    """Raw and re-balanced predictions of a method, over the runs that have them."""
    known = [
        (seed, runs[index])
        for seed, index in zip(method.seeds, method.runs, strict=True)
        if runs[index].guesses is not None
    ]
    if not known:
        return []
    seeds = tuple(seed for seed, _ in known)
    return [
        Row(
            method.name + ending,
            method.name,
            step,
            seeds,
            [_part(run, kind)['metrics'] for _, run in known],
            np.stack([_correct(run, kind) for _, run in known]),
            [_part(run, kind)['reliability'] for _, run in known],
        )
        for kind, (step, ending) in KINDS.items()
    ]


def _part(run: RunReport, kind: str) -> Mapping[str, Any]:
    assert run.predictions is not None  # it has guesses
    return run.predictions[kind]


def _correct(run: RunReport, kind: str) -> np.ndarray:
    assert run.guesses is not None
    return run.guesses[kind].predicted == run.targets


def _without_predictions(runs: Sequence[RunReport]) -> list[Line]:
    folder = Path(runs[0].source)
    command = commands_for(folder)['predictions']
    which = 'the run' if len(runs) == 1 else 'a run'
    return [
        Line(
            'accuracy',
            'There are no predictions, so this report cannot say how accurate '
            f'{which} is: it shows only how the training went.',
        ),
        Line('next', 'Predict the test set, then write this report again.', command),
    ]
