"""Tables that fit the console."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def column_groups(widths: Sequence[int], width: int) -> list[list[int]]:
    """Columns of tables that fit, each with the first column.

    Args:
        widths: characters of each column, with what separates it from the next.
        width: number of characters.

    Examples:
        >>> column_groups([5, 8, 6], width=16)
        [[0, 1], [0, 2]]
        >>> column_groups([5, 8, 6], width=20)
        [[0, 1, 2]]
    """
    groups: list[list[int]] = []
    used = width
    for column in range(1, len(widths)):
        if used + widths[column] > width:
            groups.append([0])
            used = widths[0] + 1
        groups[-1].append(column)
        used += widths[column]
    return groups or [[0]]


def fitting_tables(table: 'Table', width: int) -> list['Table']:
    """Split a table of text that is too wide into tables that fit.

    Args:
        table: of rich.
        width: number of characters.
    """
    from rich.cells import cell_len
    from rich.table import Table

    cells = [list(map(str, column.cells)) for column in table.columns]
    widths = [
        max(map(cell_len, [str(column.header), *body])) + 3
        for column, body in zip(table.columns, cells, strict=True)
    ]
    found = []
    for group in column_groups(widths, width):
        part = Table(title=table.title)
        for column in group:
            own = table.columns[column]
            part.add_column(str(own.header), justify=own.justify)
        for row in zip(*(cells[column] for column in group), strict=True):
            part.add_row(*row)
        found.append(part)
    return found
