"""Markdown texts with tables on the console: lines and tables that fit its width."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mmgala.console.output import result, stdout_width

if TYPE_CHECKING:
    from rich.table import Table

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
            result(_table(_parse(block)))
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


def _table(rows: Sequence[Cells]) -> 'Table':
    from rich.table import Column, Table

    header, *body = rows
    table = Table(header[0], *(Column(cell, justify='right') for cell in header[1:]))
    for row in body:
        table.add_row(*row)
    return table
