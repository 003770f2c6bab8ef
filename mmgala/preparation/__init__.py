"""Fetch, unpack and verify the public data sets.

Imports neither PyTorch nor MMPretrain before it needs them.
"""

from mmgala.preparation.checking import Report, check
from mmgala.preparation.prepare import (
    NAMES,
    carry_out,
    data_set,
    delete_archives,
    describe,
    make_plan,
)

__all__ = [
    'NAMES',
    'Report',
    'carry_out',
    'check',
    'data_set',
    'delete_archives',
    'describe',
    'make_plan',
]
