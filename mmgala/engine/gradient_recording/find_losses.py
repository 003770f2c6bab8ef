"""Search for the classification losses of a model."""

from collections.abc import Sequence

from torch import nn


def find_losses(
    model: nn.Module, wanted: str | Sequence[str] | None
) -> dict[str, nn.Module]:
    """Find the losses whose gradients to record.

    Args:
        model: the model without wrappers.
        wanted: module name or names of the losses. Defaults to the only module named
            ``loss_module`` or, without one, to all modules named ``loss_cls``, as in
            MMDetection's heads, except those of region proposal networks, which do not
            distinguish classes.

    Returns:
        Losses by module name.

    Raises:
        ValueError: if no module has the name, or several are named ``loss_module``.
    """
    modules = dict(model.named_modules())
    if wanted is None:
        found = [name for name in modules if _last(name) == 'loss_module']
        if len(found) > 1:
            raise ValueError(_message(model, 'loss_module', found, found))
        found = found or [
            name
            for name in modules
            if _last(name) == 'loss_cls' and 'rpn_head' not in name.split('.')
        ]
        missing = [] if found else ['loss_module']
    else:
        found = [wanted] if isinstance(wanted, str) else list(wanted)
        missing = [repr(name) for name in found if name not in modules]
    if missing or not found:
        candidates = [
            n for n, m in modules.items() if 'loss' in f'{n}{type(m).__name__}'.lower()
        ]
        raise ValueError(
            _message(model, ', '.join(missing) or 'at all', [], candidates)
        )
    return {name: modules[name] for name in found}


def check_num_classes(
    model: nn.Module, losses: Sequence[str], num_classes: int
) -> None:
    """Check that the heads of the losses have the training set's number of classes.

    Args:
        model: the model without wrappers.
        losses: module names of the losses.
        num_classes: number of classes of the training set.

    Raises:
        ValueError: if a head has a different ``num_classes``.
    """
    for name in losses:
        head = name.rpartition('.')[0]
        head_classes = getattr(model.get_submodule(head), 'num_classes', num_classes)
        if head_classes != num_classes:
            raise ValueError(
                f'{head} has num_classes={head_classes}, but the training set has '
                f'{num_classes} classes: correct num_classes, or choose the losses of '
                'heads with these classes by '
                'GradientStatisticsHook(loss_module=[...]).'
            )


def _last(name: str) -> str:
    return name.rpartition('.')[2]


def _message(
    model: nn.Module, wanted: str, found: Sequence[str], candidates: Sequence[str]
) -> str:
    if not candidates:
        return (
            f'GradientStatisticsHook found no loss in {type(model).__name__}: the '
            'loss must be a module that the head calls with logits and target.'
        )
    return (
        f'GradientStatisticsHook found {len(found) or "no"} modules {wanted} in '
        f'{type(model).__name__}. Set GradientStatisticsHook(loss_module=...) to the '
        f'one that is called with the logits: {list(candidates)}.'
    )
