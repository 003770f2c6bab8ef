"""The loss that a classifier is re-trained with."""

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from mmgala.registry import MODELS

DEFAULT = dict(type='CrossEntropyLoss')
# Counts set their margins, noise or smoothing, but do not make up for the share of a
# class: their papers train the classifier on class-balanced samples, too.
SHAPED_BY_COUNTS = ('GCLLoss', 'LDAMLoss', 'LabelAwareSmoothingLoss')


def build_loss(
    config: dict[str, Any] | None, num_classes: int, class_counts: Sequence[int]
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a registered loss, with all that it needs to know of the data.

    Args:
        config: with ``type``. Defaults to cross-entropy.
        num_classes: C; handed to a loss that takes it.
        class_counts: training samples of each class, whatever the sampling;
            handed to a loss that takes them.

    Returns:
        The loss, and its config for a model's head.

    Raises:
        TypeError: if it does not take an argument.
        ValueError: if no loss is registered by this name, or an argument is out of
            range.
    """
    config = dict(DEFAULT if config is None else config)
    # A name without a scope is one of the config's default scope.
    with MODELS.switch_scope_and_registry(None) as registry:
        kind = config['type']
        kind = registry.get(kind) if isinstance(kind, str) else kind
    if kind is None:
        ours = [
            f'mmgala.{name}' for name in MODELS.module_dict if name.endswith('Loss')
        ]
        raise ValueError(
            f'There is no loss {config["type"]!r} in MMPretrain or registered by '
            f'custom_imports; those of this package are {", ".join(sorted(ours))}.'
        )
    if 'num_classes' in inspect.signature(kind).parameters:
        given = config.setdefault('num_classes', num_classes)
        if given != num_classes:
            raise ValueError(
                f'The classifier has {num_classes} classes, but the loss num_classes='
                f'{given}: leave it out.'
            )
    loss = MODELS.build(dict(config))
    if hasattr(loss, 'set_class_counts'):
        loss.set_class_counts(class_counts)
    return loss, config


def corrects_for_counts(loss: nn.Module) -> bool:
    """Whether a loss makes up for the class counts, so that sampling should not."""
    kind = type(loss).__name__
    return hasattr(loss, 'set_class_counts') and kind not in SHAPED_BY_COUNTS
