"""Slices of large arrays that fit into memory."""

from collections.abc import Iterator

VALUES_PER_SLICE = 2**22  # 16 MB of float32


def row_slices(
    num_rows: int, values_per_row: int, values: int = VALUES_PER_SLICE
) -> Iterator[slice]:
    """Consecutive slices that cover all rows of an array.

    Args:
        num_rows: number of rows of the array.
        values_per_row: number of values that are read or computed for one row. A slice
            has at least one row.
        values: most values of a slice. Defaults to 4 million.

    Examples:
        >>> list(row_slices(3, values_per_row=2**21))
        [slice(0, 2, None), slice(2, 4, None)]
    """
    step = max(1, values // values_per_row)
    for start in range(0, num_rows, step):
        yield slice(start, start + step)
