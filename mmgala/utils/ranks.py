"""What a launcher tells a process, before a process group exists."""

import os
import time

VARIABLES = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
DELAY = 2.0  # seconds in which the first rank may report an error of all ranks
LAUNCH_FOLDER = 'MMGALA_LAUNCH_FOLDER'
_SPOKEN = 'mmgala_spoken'


def launched_rank() -> int:
    """Rank that the launcher has given to this process; 0 without a launcher."""
    given = (os.environ.get(name, '') for name in VARIABLES)
    return next((int(rank) for rank in given if rank.isdecimal()), 0)


def processes_of_torchrun() -> int:
    """Number of processes that torchrun has started, this one included.

    It is 1 without torchrun: tasks of Slurm or MPI may well be independent commands,
    and a cluster may set ``WORLD_SIZE`` for everything that runs on it.
    """
    size = os.environ.get('WORLD_SIZE', '')
    started = 'TORCHELASTIC_RUN_ID' in os.environ and size.isdecimal()
    return int(size) if started else 1


def speaks_for_all(waits: bool = True) -> bool:
    """Whether this process is the one of its launch that reports why it ends.

    Args:
        waits: without torchrun, whether ranks other than the first report it, too,
            after a delay.

    Most errors happen on all ranks, and the end of one rank ends the others, so that
    only the first report is worth reading.

    With torchrun, that is the process that asks first on its machine: it creates a file
    in the folder of the launch. With other launchers, ranks other than the first wait,
    as the end of the first rank ends them.
    """
    if (folder := _launch_folder()) is not None:
        return _is_first(os.path.join(folder, _SPOKEN))
    if launched_rank() > 0:
        if not waits:
            return False
        time.sleep(DELAY)
    return True


def _launch_folder() -> str | None:
    """Folder that this process shares with the others of its launch, if there is one.

    It is that of ``mmgala.cli.torchrun``, or the one that torchrun makes for the ranks.
    """
    if (given := os.environ.get(LAUNCH_FOLDER)) and os.path.isdir(given):
        return given
    own, name = os.path.split(os.environ.get('TORCHELASTIC_ERROR_FILE', ''))
    folder = os.path.dirname(own)
    return folder if name == 'error.json' and os.path.isdir(folder) else None


_claimed: set[str] = set()  # by this process, which may fail more than once


def _is_first(path: str) -> bool:
    """Whether this process creates the file, or did so before."""
    if path in _claimed:
        return True
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    except OSError:  # a full disk, for example
        return True
    _claimed.add(path)
    return True
