"""Text from strangers, such as class names, in terminals, Markdown and CSV."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Control characters, which move the cursor or colour a terminal, and those that change
# the direction of writing.
_CONTROL = re.compile(
    '[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]'
)
_FORMULA = re.compile('[=+\\-@\t\r]')


def visible(text: str) -> str:
    r"""Show control characters by their codes, rather than execute them.

    Examples:
        >>> print(visible('red \x1b[31m'))
        red \x1b[31m
    """
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def markdown_cell(text: str) -> str:
    r"""Escape what would end a cell of a Markdown table, or begin an HTML tag.

    Examples:
        >>> print(markdown_cell('a|b <script>'))
        a\|b &lt;script>
    """
    return visible(text).replace('|', '\\|').replace('<', '&lt;')


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    r"""Format rows as CSV in which no text is a formula.

    Spreadsheets execute text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a
    carriage return. Such text, but not numbers, gets an apostrophe in front, as in
    spreadsheets themselves. ``None`` becomes an empty cell.

    Examples:
        >>> print(csv_text([['=1+2', -1.5, '-1.5', None]]))
        '=1+2,-1.5,'-1.5,
        <BLANKLINE>
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _csv_cell(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
