"""MMEngine's loading of weights, by path or address, without executing code in them."""

import contextlib
import pickle
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from mmgala.utils.checkpoint_loading import (
    load_plain,
    mmengine_globals,
    replaced_torch_load,
    why_unreadable,
)


def is_local(source: str) -> bool:
    """Whether MMEngine looks for weights in a local file, whose path may have ``://``.

    Examples:
        >>> is_local('runs/a://b.pth'), is_local('torchvision://resnet50')
        (True, False)
    """
    loaders = CheckpointLoader._schemes
    return CheckpointLoader._get_checkpoint_loader(source) is loaders['']


@contextlib.contextmanager
def mmengine_reads_plain_data() -> Iterator[None]:
    """Let all of MMEngine's loaders read the types that it saves, and nothing unsafe.

    Without this, MMEngine loads what is unsafe after all, with a warning. Errors are
    one line with the path or address of the file.
    """
    before = CheckpointLoader.__dict__['load_checkpoint']
    load = CheckpointLoader.load_checkpoint

    def load_checkpoint(
        cls: type, filename: str, map_location: Any = None, logger: Any = 'current'
    ) -> Any:
        try:
            return load(filename, map_location, logger)
        except (pickle.UnpicklingError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and 'TorchScript' not in str(error):
                raise  # of a download
            raise ValueError(
                f'Checkpoint {filename} {why_unreadable(error)}'
            ) from error

    with contextlib.ExitStack() as undo:
        undo.enter_context(mmengine_globals())  # for loaders that call torch.load
        undo.callback(setattr, CheckpointLoader, 'load_checkpoint', before)
        CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
        if (safe := replaced_torch_load()) is not None:
            undo.callback(setattr, torch, 'load', torch.load)
            torch.load = safe
        unsafe = getattr(mmengine_checkpoint, '_safe_torch_load', None)
        if unsafe is not None:  # only in the onedl line
            undo.callback(setattr, mmengine_checkpoint, '_safe_torch_load', unsafe)
            mmengine_checkpoint._safe_torch_load = load_plain
        yield
