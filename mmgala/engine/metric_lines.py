"""Metrics of MMEngine's evaluators as rows and tables that fit a console."""

import numbers
from collections.abc import Mapping
from typing import Any

from rich.table import Column, Table

from mmgala.names import METRIC_NAMES

# Columns of a validation, if the evaluator gives them; the log has all metrics.
SHOWN = ('top1', 'class_mean', 'many', 'medium', 'few')
MOST_COLUMNS = 7


def scalar_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that are single numbers."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, numbers.Real) or getattr(value, 'ndim', None) == 0
    }


def shown_metrics(metrics: Mapping[str, Any]) -> dict[str, str]:
    """The metrics of a validation that fit in one line, by their headings, as text.

    Examples:
        >>> shown_metrics({'accuracy/few': 12.34, 'accuracy/top1': 81.0, 'a/ece': 3.0})
        {'top-1': '81.0', 'few': '12.3'}
        >>> shown_metrics({'coco/bbox_mAP': 0.1234})
        {'coco/bbox_mAP': '0.123'}
    """
    found = scalar_metrics(metrics)
    known: dict[str, str] = {}
    for key in SHOWN:
        names = [name for name in found if name.rpartition('/')[2] == key]
        for name in names:
            heading = METRIC_NAMES[key] if len(names) == 1 else name
            known[heading] = f'{found[name]:.1f}'
    rest = {name: f'{value:.3g}' for name, value in found.items()}
    return dict(list((known or rest).items())[:MOST_COLUMNS])


def metrics_table(metrics: Mapping[str, Any], title: str) -> Table:
    """All metrics that are single numbers, one below the other.

    Args:
        metrics: of an evaluator.
        title: of the column of numbers.
    """
    table = Table('metric', Column(title, justify='right'))
    found = scalar_metrics(metrics)
    for name, value in found.items():
        key = name.rpartition('/')[2]
        same = [other for other in found if other.rpartition('/')[2] == key]
        if key in METRIC_NAMES and len(same) == 1:
            table.add_row(METRIC_NAMES[key], f'{value:.2f}')
        else:
            table.add_row(name, f'{value:.4g}')
    return table


class ValidationTable:
    """Rows of a table that grows during a training; the first one has a header.

    Args:
        unit: of the first column, such as ``'epoch'``.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self._headings: list[str] = []

    def lines(self, step: int, metrics: Mapping[str, Any]) -> list[str]:
        r"""Lines to print for one validation.

        Args:
            step: epoch or iteration.
            metrics: of the evaluator.

        Examples:
            >>> table = ValidationTable('epoch')
            >>> print(*table.lines(2, {'top1': 81.0, 'few': 12.34}), sep='\n')
            epoch   top-1     few
                2    81.0    12.3
        """
        shown = shown_metrics(metrics)
        lines = []
        if list(shown) != self._headings:
            self._headings = list(shown)
            lines.append(self._line(self.unit, self._headings))
        return [*lines, self._line(str(step), list(shown.values()))]

    def _line(self, first: str, cells: list[str]) -> str:
        widths = [max(len(heading), 6) + 2 for heading in self._headings]
        padded = (f'{cell:>{n}}' for cell, n in zip(cells, widths, strict=True))
        return f'{first:>{max(len(self.unit), 5)}}' + ''.join(padded)
