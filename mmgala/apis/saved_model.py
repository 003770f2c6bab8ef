"""Write a checkpoint with the config that uses it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmgala.apis.inference import load_model
from mmgala.utils.checkpoint import check_fits


def check_out(out: Path, *taken: str | Path | None) -> None:
    """Check the name of a checkpoint to write, ``OUT.pth``, and its config ``OUT.py``.

    Args:
        out: to write.
        taken: files that must stay; ``None`` for none.

    Raises:
        ValueError: if it does not end in ``.pth``, is a folder, would replace one of
            them, or cannot be where it should.
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
        raise ValueError(f'OUT cannot be written: {folder} is no folder.')


def write_model(
    cfg: Config, state: dict[str, Tensor], meta: dict[str, Any], out: Path
) -> None:
    """Write ``OUT.pth`` and its config ``OUT.py``, each whole or not at all.

    The model is built and loaded once before, so that what is written can be used.

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
    out.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(out) as partial:
        torch.save(content, partial)
    with _replacing(out.with_suffix('.py')) as partial:
        partial.write_text(cfg.pretty_text)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write, that becomes ``path`` or else is removed."""
    partial = path.with_suffix(f'{path.suffix}.partial')
    try:
        yield partial
        os.replace(partial, path)
    except RuntimeError as error:  # PyTorch's writer, on a full disk
        raise OSError(f'{path} cannot be written: {error}') from error
    finally:
        partial.unlink(missing_ok=True)
