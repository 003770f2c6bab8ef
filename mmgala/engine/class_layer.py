"""Find the layer that holds the class vectors, and see what goes into it."""

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from mmgala.engine.checkpoint import unwrap_model

HOW = 'name the layer with --layer'


def find_class_layer(
    model: nn.Module, name: str | None = None
) -> tuple[str, nn.Linear]:
    """The linear layer whose weight has one row per class.

    Args:
        model: a classifier, wrapped or not.
        name: of the layer, as in ``named_modules``. Defaults to the linear layer in
            ``model.head`` that has as many outputs as the head has classes.

    Returns:
        Its name, and the layer.

    Raises:
        ValueError: if there is no such layer, it is not linear, it has several vectors
            per class, or several layers could be meant.
    """
    model = unwrap_model(model)
    linear = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    if name is None:
        name = _only_candidate(model, linear)
    elif name not in linear:
        what = (
            'is not linear' if name in dict(model.named_modules()) else 'is not there'
        )
        raise ValueError(f'Layer {name} {what}; {_listed(linear)}.')
    layer = linear[name]
    if len(layer.weight) != layer.out_features:  # ArcFaceClsHead with sub-centers
        raise ValueError(
            f'Layer {name} has {len(layer.weight)} vectors for {layer.out_features} '
            'classes; expected one per class (num_subcenters=1).'
        )
    return name, layer


def _only_candidate(model: nn.Module, linear: dict[str, nn.Linear]) -> str:
    num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
    fitting = {
        name: layer
        for name, layer in linear.items()
        if name.startswith('head.') and layer.out_features == num_classes
    }
    if not fitting:
        raise ValueError(
            'Expected a model with a head whose last layer is linear and has an output '
            f'per class, but found none: {HOW}; {_listed(linear)}.'
        )
    if len(fitting) > 1:
        raise ValueError(
            f'Expected one linear layer with {num_classes} outputs in the head, but '
            f'there are {len(fitting)}, {", ".join(fitting)}: {HOW}.'
        )
    return next(iter(fitting))


def _listed(linear: dict[str, nn.Linear]) -> str:
    """The last linear layers, which are those nearest to the classes."""
    found = [f'{n} ({m.out_features} outputs)' for n, m in list(linear.items())[-5:]]
    return f'linear layers are {", ".join(found)}' if found else 'no layer is linear'


@contextlib.contextmanager
def inputs_of(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what goes into a layer, one tensor per call, within a ``with`` block."""
    collected: list[Tensor] = []

    def collect(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        collected.append(inputs[0].detach())

    handle = layer.register_forward_pre_hook(collect)
    try:
        yield collected
    finally:
        handle.remove()
