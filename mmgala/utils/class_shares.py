"""Checkpoints without the classes, which are in the shares of several ranks."""

from pathlib import Path
from typing import Any

# In the state dictionary of a model: its head's weights are in a folder.
SHARED_OUT = 'classes_shared_out'
META = 'class_shards'  # in the `meta` of a checkpoint: what the folder is and has

COMPLETE = '.metadata'  # `torch.distributed.checkpoint` writes this file last


def is_shared_out(checkpoint: dict[str, Any]) -> bool:
    """Whether the classes of a checkpoint are in the shares of several ranks."""
    return any(str(name).endswith(SHARED_OUT) for name in checkpoint['state_dict'])


def refuse_shares(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Refuse a checkpoint whose classes are elsewhere.

    Raises:
        ValueError: with the command that writes one file.
    """
    if is_shared_out(checkpoint):
        folder = ((checkpoint.get('meta') or {}).get(META) or {}).get('folder')
        raise ValueError(
            f'The classes of {path} are in the folder {folder or ".shards"} beside it, '
            'as ranks shared them out: write one file with `mmgala merge '
            f'{path} OUT.pth`, and use that.'
        )


def missing_shares(checkpoint: dict[str, Any], path: str | Path) -> Path | None:
    """The folder with the classes of a checkpoint, if it is missing or not complete.

    Args:
        checkpoint: content of the file.
        path: the file.
    """
    stored = (checkpoint.get('meta') or {}).get(META)
    if not isinstance(stored, dict):
        return None
    folder = Path(path).parent / str(stored.get('folder'))
    return None if (folder / COMPLETE).is_file() else folder
