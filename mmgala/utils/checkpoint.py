"""Safe reading and validation of checkpoints."""

import logging
import os
from pathlib import Path

from mmengine.logging import print_log

from mmgala.utils.checkpoint_content import check_content
from mmgala.utils.checkpoint_loading import DamagedCheckpointError, load_plain
from mmgala.utils.class_shares import checkpoint_of_shares, missing_shares
from mmgala.utils.similar import similar_path


def read_checkpoint(path: str | Path) -> dict:
    """Load a checkpoint of MMEngine onto the CPU without executing code in it.

    Args:
        path: path of a local file.

    Returns:
        The checkpoint; a plain state dict is returned as ``{'state_dict': ...}``.

    Raises:
        FileNotFoundError: if the file does not exist.
        DamagedCheckpointError: if it is truncated or altered, or another kind of file.
        ValueError: if it contains more than weights and plain data, or parts of it
            are not what trainings save.
    """
    if os.path.isdir(path):
        beside = checkpoint_of_shares(path)
        advice = f'the file beside it, {beside.name}' if beside else 'a file in it'
        raise IsADirectoryError(f'Checkpoint {path} is a folder: give {advice}.')
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'Checkpoint {path} does not exist.{similar_path(path)}'
        )
    checkpoint = load_plain(path, map_location='cpu')
    if isinstance(checkpoint, dict) and 'state_dict' not in checkpoint:
        checkpoint = {'state_dict': checkpoint}
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint['state_dict'], dict
    ):
        raise ValueError(
            f'Checkpoint {path} contains no state dict: give one that a training has '
            'saved, or the state dict of a model.'
        )
    check_content(checkpoint, path)
    return checkpoint


def read_latest_checkpoint(work_dir: str | Path) -> tuple[str, dict] | None:
    """Read the checkpoint from which a training in ``work_dir`` resumes.

    This is the one named in MMEngine's file ``last_checkpoint``. If it is damaged,
    because the training was killed while saving, the newest complete one is used.

    Args:
        work_dir: work directory of the training.

    Returns:
        Path and content of the checkpoint; ``None`` if there are no checkpoints, or
        only damaged ones: then the training starts from the beginning.

    Raises:
        ValueError: if a checkpoint contains more than weights and plain data.
    """
    work_dir = Path(work_dir)
    saved = [p for p in work_dir.glob('*.pth') if not p.name.startswith('best_')]
    candidates = sorted(saved, key=lambda p: p.stat().st_mtime_ns, reverse=True)
    note = work_dir / 'last_checkpoint'
    noted = note.read_text().strip() if note.is_file() else ''
    if noted:
        candidates.insert(0, Path(noted))
    for path in dict.fromkeys(candidates):
        try:
            return str(path), _read_with_shares(path)
        except (
            FileNotFoundError,
            IsADirectoryError,
            DamagedCheckpointError,
        ) as error:
            message = f'{error} It is skipped.'
            print_log(message, logger='current', level=logging.WARNING)
    return None


def _read_with_shares(path: Path) -> dict:
    """Read a checkpoint whose shares of the classes, if any, are complete too."""
    checkpoint = read_checkpoint(path)
    if folder := missing_shares(checkpoint, path):
        raise DamagedCheckpointError(
            f'Checkpoint {path} lacks its classes: {folder} is missing or not complete.'
        )
    return checkpoint
