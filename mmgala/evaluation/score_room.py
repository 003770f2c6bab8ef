"""Whether memory and disk have room for the scores of a data set."""

import shutil
import tempfile
from collections.abc import Sequence

from mmgala.evaluation.score_store import AUTO_MEMORY, bytes_of
from mmgala.names import RECOMPUTE, SCORE_STORAGE
from mmgala.utils.environment import available_memory


def check_room(num_samples: int, num_classes: int, storages: Sequence[str]) -> None:
    """Check that scores can be stored, before they are predicted or read.

    Args:
        num_samples: N.
        num_classes: C.
        storages: how each of the parts that keep all scores stores them; see
            :class:`mmgala.evaluation.score_store.ScoreStore`.

    Raises:
        ValueError: if the memory or the folder of temporary files has no room.
    """
    needs = {True: 0, False: 0}
    for storage in storages:
        size = bytes_of(num_samples, num_classes, storage)
        in_file = storage.endswith('file') or (storage == 'auto' and size > AUTO_MEMORY)
        needs[in_file] += size
    folder = tempfile.gettempdir()
    places = (
        (needs[False], available_memory(), 'the memory', ''),
        (
            needs[True],
            shutil.disk_usage(folder).free,
            folder,
            'set TMPDIR to a folder with more room, or ',
        ),
    )
    for needed, free, place, remedy in places:
        if free is not None and needed > free:
            raise ValueError(
                f'The scores of {num_samples:,} samples and {num_classes:,} classes '
                f'need {_text(needed)}, but {place} has {_text(free)} left: {remedy}'
                f'use another --score-storage ({", ".join(SCORE_STORAGE)}; '
                f'{RECOMPUTE}, which needs no room).'
            )


def _text(size: int) -> str:
    return f'{size / 1e9:.2f} GB'
