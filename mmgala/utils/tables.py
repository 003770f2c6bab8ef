"""Tables of numbers over several seeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from tabulate import tabulate

from mmgala.utils.text import markdown_cell


def mean_and_spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean ± standard deviation; no spread for one value, ``-`` for none.

    Examples:
        >>> mean_and_spread([80.0, 82.0])
        '81.0 ± 1.4'
    """
    if not values:
        return '-'
    mean = f'{np.mean(values):.{digits}f}'
    return mean if len(values) == 1 else f'{mean} ± {np.std(values, ddof=1):.{digits}f}'


def cells_over_seeds(
    runs: Sequence[Mapping[str, float]], keys: Iterable[str]
) -> list[str]:
    """Mean ± standard deviation of each number over the runs that have it."""
    return [mean_and_spread([run[key] for run in runs if key in run]) for key in keys]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with text in the first column and numbers in the others.

    Cells are padded, so that the source is readable, too.

    Examples:
        >>> print(markdown_table(['', 'top-1'], [['ce', '81.4']]))
        |    |   top-1 |
        |:---|--------:|
        | ce |    81.4 |
    """
    return tabulate(
        [[markdown_cell(cell) for cell in row] for row in rows],
        [markdown_cell(cell) for cell in header],
        tablefmt='pipe',
        colalign=['left', *['right'] * (len(header) - 1)],
        disable_numparse=True,
    )
