"""Find the losses in a model that classify."""

from collections.abc import Sequence

from torch import nn


def find_losses(
    model: nn.Module, wanted: str | Sequence[str] | None
) -> dict[str, nn.Module]:
    """The losses to watch, by their name in the model.

    Args:
        model: without wrappers.
        wanted: name of a loss, or names; ``None`` for the only module called
            ``loss_module``, or else all that are called ``loss_cls``, as those of
            MMDetection's heads are, but for a region proposal network's, which does
            not tell classes apart.

    Raises:
        ValueError: if there is none of a name, or several ``loss_module``.
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
        choice = [
            n for n, m in modules.items() if 'loss' in f'{n}{type(m).__name__}'.lower()
        ]
        raise ValueError(_message(model, ', '.join(missing) or 'at all', [], choice))
    return {name: modules[name] for name in found}


def check_num_classes(
    model: nn.Module, losses: Sequence[str], num_classes: int
) -> None:
    """Check that the heads that own the losses are of as many classes as the data.

    Args:
        model: without wrappers.
        losses: their names in the model.
        num_classes: of the training set.

    Raises:
        ValueError: if a head has another ``num_classes``.
    """
    for name in losses:
        owner = name.rpartition('.')[0]
        own = getattr(model.get_submodule(owner), 'num_classes', num_classes)
        if own != num_classes:
            raise ValueError(
                f'{owner} has num_classes={own}, but the training set has '
                f'{num_classes} classes: correct num_classes, or name the losses of '
                'heads that tell these classes apart with '
                'GradientStatisticsHook(loss_module=[...]).'
            )


def _last(name: str) -> str:
    return name.rpartition('.')[2]


def _message(
    model: nn.Module, wanted: str, found: Sequence[str], choice: Sequence[str]
) -> str:
    if not choice:
        return (
            f'GradientStatisticsHook found no loss in {type(model).__name__}: the '
            'loss has to be a module that the head calls with logits and target.'
        )
    return (
        f'GradientStatisticsHook found {len(found) or "no"} modules {wanted} in '
        f'{type(model).__name__}. Name the one that is called with the logits: '
        f"GradientStatisticsHook(loss_module='...'), one of {list(choice)}."
    )
