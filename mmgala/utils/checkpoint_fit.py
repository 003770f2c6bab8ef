"""Whether a checkpoint fits a model, and its weights are finite."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn

from mmgala.utils.class_shares import is_shared_out, refuse_shares


def unwrap_model(model: nn.Module) -> nn.Module:
    """Remove wrappers for distributed training and test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module  # type: ignore[assignment]
    return model


def check_fits(
    checkpoint: dict,
    model: nn.Module,
    path: str | Path,
    in_shares: Collection[str] = (),
) -> None:
    """Check that a checkpoint matches a model.

    MMEngine only warns about weights that do not match, and leaves them random.

    Args:
        checkpoint: checkpoint from :func:`read_checkpoint`.
        model: model that will load the checkpoint.
        path: path of the checkpoint, for the error message.
        in_shares: names of the weights that will be read from the shares of the
            classes, if the checkpoint has them there.

    Raises:
        ValueError: if weights are missing, not finite, or have a different shape, for
            example because of a different number of classes.
    """
    if not in_shares:
        refuse_shares(checkpoint, path)
    stored = {key.removeprefix('module.'): value for key, value in
              checkpoint['state_dict'].items()}  # fmt: skip
    expected = unwrap_model(model).state_dict()
    for name, value in expected.items():
        if name in stored and value.numel() and stored[name].shape != value.shape:
            raise ValueError(
                f'Checkpoint {path} does not fit the config: {name} is '
                f'{tuple(stored[name].shape)} in the checkpoint and '
                f'{tuple(value.shape)} in the model. Use the config it was trained '
                'with; for another number of classes, set model.head.num_classes.'
            )
        if name in stored and stored[name].is_complex() and not value.is_complex():
            raise ValueError(
                f'Checkpoint {path} does not fit the config: {name} has complex '
                'numbers. Use a checkpoint of this model.'
            )
    parameters = [name for name, _ in unwrap_model(model).named_parameters()]
    missing = [name for name in parameters if name not in stored]
    if is_shared_out(checkpoint):
        missing = [name for name in missing if name not in in_shares]
    if missing:
        raise ValueError(
            f'Checkpoint {path} does not fit the config: {len(missing)} of the '
            f"model's {len(parameters)} parameters are missing, first {missing[0]}."
        )
    if broken := broken_weights(stored, unwrap_model(model)):
        raise ValueError(
            f'Checkpoint {path} is of a training that diverged: {len(broken)} of its '
            f'{len(expected)} weights are not finite (NaN or infinity), first '
            f'{broken[0]}. Use an earlier checkpoint.'
        )


def broken_weights(state_dict: Mapping[str, Any], model: nn.Module) -> list[str]:
    """Names of the weights that are NaN, or infinite; buffers may hold infinity.

    Args:
        state_dict: of the model.
        model: the model without wrappers.
    """
    parameters = {name for name, _ in model.named_parameters()}
    broken = []
    for key, value in state_dict.items():
        name = key.removeprefix('module.')
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            continue
        wrong = ~value.isfinite() if name in parameters else value.isnan()
        if bool(wrong.any()):
            broken.append(name)
    return broken
