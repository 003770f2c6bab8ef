"""Load and save a model together with its config."""

import copy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch import Tensor

from mmgala.apis.class_shares import keep_classes_together
from mmgala.registry import MODELS
from mmgala.utils.checkpoint_fit import check_fits
from mmgala.utils.files import (
    check_writable,
    locked,
    remove_unfinished,
    replacing,
    write_text,
)


def load_model(cfg: Config, checkpoint: dict, path: str | Path) -> BaseModel:
    """Build the model of a config and load a checkpoint, ready to predict.

    Args:
        cfg: config of a training or test, whose default scope is activated.
        checkpoint: checkpoint from :func:`mmgala.utils.checkpoint.read_checkpoint`.
        path: path of the checkpoint, for error messages.

    Returns:
        The model in eval mode, on the GPU if there is one.

    Raises:
        ValueError: if the checkpoint does not match the model.
    """
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    model_cfg = copy.deepcopy(cfg.model)
    if cfg.get('data_preprocessor') is not None:
        model_cfg.setdefault('data_preprocessor', copy.deepcopy(cfg.data_preprocessor))
    keep_classes_together(model_cfg)
    model = MODELS.build(model_cfg)
    check_fits(checkpoint, model, path)
    state = checkpoint['state_dict']
    model.load_state_dict(
        {name.removeprefix('module.'): value for name, value in state.items()},
        strict=False,  # buffers may be missing
    )
    return model.to(get_device()).eval()


def check_output_path(out: Path, *taken: str | Path | None) -> None:
    """Check that ``OUT.pth`` and its config ``OUT.py`` can be written.

    Args:
        out: path of the checkpoint to write.
        taken: files that must not be replaced; ``None`` is ignored.

    Raises:
        OSError: if a file cannot be written there.
        ValueError: if it does not end in ``.pth``, or would replace one of ``taken``.
    """
    if out.suffix != '.pth':
        raise ValueError(f'Expected OUT to end in .pth, but got {out}.')
    files = (out, out.with_suffix('.py'))
    stay = {Path(path).resolve() for path in taken if path is not None}
    if stay & {path.resolve() for path in files}:
        raise ValueError(f'OUT ({out} and {files[1]}) must be new files.')
    for path in files:
        check_writable(path)


def save_model(
    cfg: Config, state: dict[str, Tensor], meta: dict[str, Any], out: Path
) -> None:
    """Write ``OUT.pth`` and its config ``OUT.py``, each complete or not at all.

    The model is built and loaded first, to be sure that the two fit together.

    Args:
        cfg: config of the model.
        state: state dict of the model.
        meta: plain data to store with it.
        out: path of the checkpoint to write.

    Raises:
        OSError: if the files cannot be written.
        ValueError: if config and weights do not match.
    """
    content = {'meta': {**meta, 'cfg': cfg.pretty_text}, 'state_dict': state}
    check_fits(content, load_model(cfg, content, out), out)
    with locked(out.with_name(f'.{out.name}.lock')):  # the two files belong together
        for path in (out, out.with_suffix('.py')):
            remove_unfinished(path)
        try:
            with replacing(out) as unfinished:
                torch.save(content, unfinished)
        except RuntimeError as error:  # PyTorch's writer, on a full disk
            raise OSError(f'{out} cannot be written: {error}') from error
        write_text(out.with_suffix('.py'), cfg.pretty_text)
