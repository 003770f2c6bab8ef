"""Write a checkpoint with the config that uses it."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmgala.apis.inference import load_model
from mmgala.utils.checkpoint import check_fits
from mmgala.utils.files import replacing, write_text


def check_out(out: Path, *taken: str | Path | None) -> None:
    """Check the name of a checkpoint to write, ``OUT.pth``, and its config ``OUT.py``.

    Args:
        out: to write.
        taken: files that must not be replaced; ``None`` is ignored.

    Raises:
        ValueError: if it does not end in ``.pth``, is a folder, would replace one of
            ``taken``, or lies below something that is not a folder.
    """
    if out.suffix != '.pth':
        raise ValueError(f'OUT must end in .pth, but is {out}.')
    files = (out, out.with_suffix('.py'))
    stay = {Path(path).resolve() for path in taken if path is not None}
    if stay & {path.resolve() for path in files}:
        raise ValueError(f'OUT ({out} and {files[1]}) must be new files.')
    for path in files:
        if path.is_dir():
            raise ValueError(f'OUT names the folder {path}: choose another name.')
    folder = next(path for path in out.absolute().parents if path.exists())
    if not folder.is_dir():
        raise ValueError(f'OUT cannot be written: {folder} is not a folder.')


def write_model(
    cfg: Config, state: dict[str, Tensor], meta: dict[str, Any], out: Path
) -> None:
    """Write ``OUT.pth`` and its config ``OUT.py``, each complete or not at all.

    The model is built and loaded first, to be sure that the two fit together.

    Args:
        cfg: of the model.
        state: its state dict.
        meta: plain data to go with it.
        out: checkpoint to write.

    Raises:
        OSError: if they cannot be written.
        ValueError: if config and weights do not fit together.
    """
    content = {'meta': {**meta, 'cfg': cfg.pretty_text}, 'state_dict': state}
    check_fits(content, load_model(cfg, content, out), out)
    try:
        with replacing(out) as unfinished:
            torch.save(content, unfinished)
    except RuntimeError as error:  # PyTorch's writer, on a full disk
        raise OSError(f'{out} cannot be written: {error}') from error
    write_text(out.with_suffix('.py'), cfg.pretty_text)
