"""Download, unpack and verify the public data sets.

PyTorch and MMPretrain are imported only when they are needed.
"""

from mmgala.preparation.catalogue import find_data_set
from mmgala.preparation.checking import CheckReport, check
from mmgala.preparation.prepare import (
    delete_archives,
    describe_plan,
    make_plan,
    run_plan,
)

__all__ = [
    'CheckReport',
    'check',
    'delete_archives',
    'describe_plan',
    'find_data_set',
    'make_plan',
    'run_plan',
]
