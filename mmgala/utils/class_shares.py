"""Checkpoints without the classes, which are in the shares of several ranks."""

from pathlib import Path
from typing import Any

# In the state dictionary of a model: its head's weights are in a folder.
SHARED_OUT = 'classes_shared_out'
META = 'class_shards'  # in the `meta` of a checkpoint: what the folder is and has

ENDING = '.shards'  # of the folder, NAME.TOKEN.shards beside NAME.pth
COMPLETE = '.metadata'  # `torch.distributed.checkpoint` writes this file last


def is_shared_out(checkpoint: dict[str, Any]) -> bool:
    """Whether the classes of a checkpoint are in the shares of several ranks."""
    return any(str(name).endswith(SHARED_OUT) for name in checkpoint['state_dict'])


def shares_folder(checkpoint: dict[str, Any], path: str | Path) -> Path | None:
    """The folder with the classes of a checkpoint; ``None`` if it has them itself.

    Args:
        checkpoint: content of the file.
        path: the file.

    Raises:
        ValueError: if the folder is named, but the classes are not said to be there,
            or the reverse.
    """
    stored = (checkpoint.get('meta') or {}).get(META)
    if (stored is None) == is_shared_out(checkpoint):
        raise ValueError(
            f'{path} was changed after it was saved: its classes are in a folder '
            f'{ENDING} beside it, but meta.{META} or state_dict[...{SHARED_OUT}] is '
            'missing. Use the file that the training wrote.'
        )
    return None if stored is None else Path(path).parent / stored['folder']


def checkpoint_of_shares(folder: str | Path) -> Path | None:
    """The file whose classes a folder has, by its name; ``None`` for other folders.

    Examples:
        >>> str(checkpoint_of_shares('run/epoch_3.20260101_12.shards'))
        'run/epoch_3.pth'
    """
    folder = Path(folder)
    if folder.suffix != ENDING:
        return None
    return folder.with_name(f'{folder.stem.rsplit(".", 1)[0]}.pth')


def refuse_shares(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Refuse a checkpoint whose classes are elsewhere.

    Raises:
        ValueError: with the command that writes one file.
    """
    if (folder := shares_folder(checkpoint, path)) is not None:
        raise ValueError(
            f'The classes of {path} are in the folder {folder.name} beside it, '
            'as ranks shared them out: write one file with `mmgala merge '
            f'{path} OUT.pth`, and use that.'
        )


def missing_shares(checkpoint: dict[str, Any], path: str | Path) -> Path | None:
    """The folder with the classes of a checkpoint, if it is missing or not complete.

    Args:
        checkpoint: content of the file.
        path: the file.
    """
    folder = shares_folder(checkpoint, path)
    return None if folder is None or (folder / COMPLETE).is_file() else folder
