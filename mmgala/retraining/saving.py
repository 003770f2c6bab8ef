"""State dicts of models whose class layer was replaced."""

from torch import Tensor


def replace_layer(
    state: dict[str, Tensor], layer_name: str, values: dict[str, Tensor]
) -> dict[str, Tensor]:
    """A state dict with another class layer, and all else as it was.

    Args:
        state: of a checkpoint; the names may begin with ``module.``.
        layer_name: of the class layer.
        values: of the layer, ``weight`` ``(C, D)`` among them.
    """
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    dtype = state[f'{layer_name}.weight'].dtype
    return {**state, **{f'{layer_name}.{k}': v.to(dtype) for k, v in values.items()}}


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
