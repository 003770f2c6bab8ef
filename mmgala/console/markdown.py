"""Markdown texts with tables on the console: lines and tables that fit its width."""

import re
import textwrap
from collections.abc import Iterator, Sequence

from mmgala.console.output import result, stdout_width

_CELL = re.compile(r'(?<!\\)\|')
Cells = list[str]


def show_markdown(text: str) -> None:
    """Print a Markdown text as a result.

    Lines are wrapped, and tables that are too wide become several, one below the other,
    each with the first column. On a terminal, tables are drawn.
    """
    width = stdout_width()
    for number, block in enumerate(text.strip().split('\n\n')):
        if number:
            result()
        if block.startswith('|'):
            _show_table(_parse(block), width)
        else:
            result('\n'.join(_wrapped(block, width)))


def _wrapped(block: str, width: int) -> Iterator[str]:
    for line in block.splitlines():
        indent = '  ' if line.startswith('- ') else ''
        yield from textwrap.wrap(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _parse(block: str) -> list[Cells]:
    """Cells of a table, without the line below its header."""
    rows = [_CELL.split(line)[1:-1] for line in block.splitlines()]
    return [[cell.strip() for cell in row] for n, row in enumerate(rows) if n != 1]


def split_columns(rows: Sequence[Cells], width: int) -> list[list[Cells]]:
    """Tables that fit, each with the first column of a table.

    Args:
        rows: cells, the header first.
        width: number of characters.

    Examples:
        >>> split_columns([['', 'top-1', 'few'], ['ce', '81.4', '3.0']], width=16)
        [[['', 'top-1'], ['ce', '81.4']], [['', 'few'], ['ce', '3.0']]]
    """
    widths = [max(len(row[c]) for row in rows) + 3 for c in range(len(rows[0]))]
    groups: list[list[int]] = []
    used = width
    for column in range(1, len(widths)):
        if used + widths[column] > width:
            groups.append([0])
            used = widths[0] + 1
        groups[-1].append(column)
        used += widths[column]
    return [[[row[c] for c in group] for row in rows] for group in groups or [[0]]]


def _show_table(rows: Sequence[Cells], width: int) -> None:
    from rich.table import Column, Table

    for number, (header, *body) in enumerate(split_columns(rows, width)):
        if number:
            result()
        numbers = [Column(heading, justify='right') for heading in header[1:]]
        table = Table(header[0], *numbers)
        for row in body:
            table.add_row(*row)
        result(table)
