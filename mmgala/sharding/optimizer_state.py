"""The optimizer's tensors of parameters that ranks share out."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Share = tuple[str, Tensor, int]


def parameter_positions(optimizer: Optimizer, shares: list[Share]) -> dict[int, Share]:
    """Position of each share among the parameters, as in the optimizer's state."""
    known = {id(share[1]): share for share in shares}
    order = [p for group in optimizer.param_groups for p in group['params']]
    return {
        place: known[id(parameter)]
        for place, parameter in enumerate(order)
        if id(parameter) in known
    }


def optimizer_shares(
    optimizer: Optimizer, shares: list[Share], prefix: str
) -> Iterator[Share]:
    """The optimizer's tensors of the shape of a share, such as its momentum."""
    for name, parameter, dim in parameter_positions(optimizer, shares).values():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                yield f'{prefix}{name}.{key}', value, dim


def take_out(state: dict[int, dict[str, Any]], places: dict[int, Share]) -> None:
    """Remove rank 0's shares from the state in a checkpoint; steps stay."""
    for place, (_, parameter, _) in places.items():
        for key, value in list(state.get(place, {}).items()):
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                del state[place][key]


def put_in(
    state: dict[int, dict[str, Any]],
    places: dict[int, Share],
    loaded: dict[str, Tensor],
    prefix: str,
) -> None:
    """Put this rank's shares into the state of a checkpoint."""
    for place, (name, _, _) in places.items():
        start = f'{prefix}{name}.'
        for key, value in loaded.items():
            if key.startswith(start):
                state.setdefault(place, {})[key.removeprefix(start)] = value
