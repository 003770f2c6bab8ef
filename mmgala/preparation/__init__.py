"""Fetch, unpack and verify the public data sets.

Imports neither PyTorch nor MMPretrain before it needs them.
"""

from mmgala.preparation.catalogue import NAMES, data_set
from mmgala.preparation.checking import Report, check
from mmgala.preparation.preparing import (
    carry_out,
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
