"""Write a model whose class layer was replaced."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmgala.engine.checkpoint import check_fits
from mmgala.engine.inference import load_model


def check_out(out: Path, *taken: str | Path | None) -> None:
    """Check the name of a checkpoint to write, ``OUT.pth``, and its config ``OUT.py``.

    Args:
        out: to write.
        taken: files that must stay; ``None`` for none.

    Raises:
        ValueError: if it does not end in ``.pth``, or would replace one of them.
    """
    if out.suffix != '.pth':
        raise ValueError(f'OUT must end in .pth, but is {out}.')
    stay = {Path(path).resolve() for path in taken if path is not None}
    if stay & {out.resolve(), out.with_suffix('.py').resolve()}:
        raise ValueError(f'OUT ({out} and {out.with_suffix(".py")}) must be new files.')


def replace_layer(
    state: dict[str, Tensor], layer_name: str, weight: Tensor, bias: Tensor | None
) -> dict[str, Tensor]:
    """A state dict with another class layer, and all else as it was.

    Args:
        state: of a checkpoint; the names may begin with ``module.``.
        layer_name: of the class layer.
        weight: ``(C, D)``.
        bias: ``(C,)``, or ``None`` where the layer has none.
    """
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    for kind, value in (('weight', weight), ('bias', bias)):
        if value is not None:
            name = f'{layer_name}.{kind}'
            state[name] = value.to(state[name].dtype)
    return state


def replace_loss(
    state: dict[str, Tensor], loss_name: str, loss_state: dict[str, Tensor]
) -> dict[str, Tensor]:
    """A state dict with the statistics of another loss.

    Args:
        state: of a model.
        loss_name: of the loss in the model.
        loss_state: its state dict.
    """
    prefix = f'{loss_name}.'
    kept = {k: v for k, v in state.items() if not k.startswith(prefix)}
    return {**kept, **{prefix + k: v.cpu() for k, v in loss_state.items()}}


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
