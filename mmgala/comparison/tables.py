"""Tables of figures over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np


def cell(values: Sequence[float]) -> str:
    """Mean ± standard deviation; ``-`` of nothing.

    Examples:
        >>> cell([80.0, 82.0])
        '81.0 ± 1.4'
    """
    if not values:
        return '-'
    spread = f' ± {np.std(values, ddof=1):.1f}' if len(values) > 1 else ''
    return f'{np.mean(values):.1f}{spread}'


def cells(runs: Sequence[Mapping[str, float]], columns: Mapping[str, str]) -> list[str]:
    """Mean ± standard deviation over runs, a string a column."""
    return [cell([run[key] for run in runs if key in run]) for key in columns]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers.

    Cells are padded, so that it is a table for people, too.

    Examples:
        >>> print(markdown_table(['', 'top-1'], [['ce', '81.4']]))
        |    | top-1 |
        |----|------:|
        | ce |  81.4 |
    """
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    widths[0] = max(map(len, columns[0]))

    def line(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(c.rjust(w) for c, w in others)]
        return f'| {" | ".join(padded)} |'

    rule = ['-' * (widths[0] + 2), *('-' * (width + 1) + ':' for width in widths[1:])]
    return '\n'.join([line(headings), f'|{"|".join(rule)}|', *map(line, rows)])
