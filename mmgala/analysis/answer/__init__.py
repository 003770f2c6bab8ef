"""What a user wants to know of runs, in words.

Which is best and how sure that is, what the tail gained and the head lost, which
classes gained and lost most, whether confidences can be trusted, and what to try next.
The words are the same in the page, on the console and in a comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from mmgala.analysis.answer.accuracy import accuracy_line
from mmgala.analysis.answer.advice import advice_lines
from mmgala.analysis.answer.calibration import calibration_lines
from mmgala.analysis.answer.class_changes import classes_line
from mmgala.analysis.answer.compared import FITTED, TOPICS, Compared, Line, Place
from mmgala.analysis.answer.groups import groups_lines

__all__ = [
    'FITTED',
    'TOPICS',
    'Compared',
    'Line',
    'Place',
    'answer',
    'method_note',
    'printed',
]

UNBALANCED = (
    "The test set is not balanced, so the mean of all classes' accuracies is compared: "
    'top-1 is mostly the accuracy of the frequent classes.'
)


def answer(about: Compared) -> list[Line]:
    """The answer, a line for each topic, the most important first."""
    return [
        accuracy_line(about),
        *groups_lines(about),
        classes_line(about),
        *calibration_lines(about),
        *advice_lines(about),
    ]


def method_note(about: Compared) -> str:
    """How sure the answer is, and what it does not cover."""
    parts = [UNBALANCED] if about.lead == 'class_mean' else []
    if len(about.rows) > 1:
        parts.append(
            '"Within chance" means that the 95 % interval includes 0. It covers the '
            f'choice of the test images{_seeds(about)}. Intervals of one comparison '
            'hold all together (Bonferroni), and differences of classes are corrected '
            'for their number (Holm).'
        )
    if len(about.rows) > 2:
        parts.append(
            'This describes the test set. The highest of several results is partly the '
            'luckiest: choose a method on validation data.'
        )
    return ' '.join(parts)


def _seeds(about: Compared) -> str:
    if any(len(row.seeds) > 1 for row in about.rows):
        return ' and of the seeds'
    return ', but not the variation between trainings, as there is one seed'


def plain(lines: Sequence[Line]) -> list[dict[str, str]]:
    """The answer for JSON: ``topic``, ``heading``, ``text`` and ``command`` of each."""
    return [{**asdict(line), 'heading': TOPICS[line.topic]} for line in lines]


def printed(lines: Sequence[Mapping[str, str]]) -> str:
    """The answer as text for a terminal, a paragraph for each line.

    Args:
        lines: result of :func:`plain`.
    """
    return '\n'.join(
        f'{line["heading"]}: {line["text"]}'
        + (f'\n    {line["command"]}' if line['command'] else '')
        for line in lines
    )
