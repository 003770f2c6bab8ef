"""One checkpoint file from a file and the shares of the classes beside it."""

from pathlib import Path

import torch

from mmgala.sharding.checkpoint import load_whole
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.class_shares import META, SHARED_OUT, shares_folder
from mmgala.utils.files import check_writable, replacing


def merge_shares(checkpoint: str | Path, out: str | Path) -> int:
    """Write a checkpoint with all classes, for a head without ``shard_classes``.

    The optimizer's state is left out: the result is for testing, deployment, and a new
    training that starts from it.

    Args:
        checkpoint: file that has a folder ``.shards`` beside it.
        out: file to write.

    Returns:
        The number of classes.

    Raises:
        FileNotFoundError: if the file, the folder or a file of it is missing.
        ValueError: if the checkpoint has no shares, a file is damaged, or ``out`` is
            the checkpoint.
        OSError: if ``out`` cannot be written.
    """
    if Path(checkpoint).resolve() == Path(out).resolve():
        raise ValueError(f'OUT ({out}) must be another file than the checkpoint.')
    check_writable(out)
    content = read_checkpoint(checkpoint)
    folder = shares_folder(content, checkpoint)
    if folder is None:
        raise ValueError(
            f'{checkpoint} has no shares to merge, as it has all classes itself: use '
            'it as it is.'
        )
    whole = load_whole(folder)
    del content['meta'][META]
    state = content['state_dict']
    marks = [name for name in state if name.endswith(SHARED_OUT)]
    classes = max(int(state.pop(name)) for name in marks)
    state |= whole
    content.pop('optimizer', None)
    try:
        with replacing(out) as unfinished:
            torch.save(content, unfinished)
    except RuntimeError as error:  # PyTorch's writer, on a full disk
        raise OSError(f'{out} cannot be written: {error}') from error
    return classes
