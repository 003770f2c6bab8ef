"""The rank of this process, before a process group exists."""

import os

VARIABLES = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


def launched_rank() -> int:
    """Rank that the launcher has given to this process; 0 without a launcher."""
    given = (os.environ.get(name, '') for name in VARIABLES)
    return next((int(rank) for rank in given if rank.isdecimal()), 0)
