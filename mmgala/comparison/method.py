"""What a method of a comparison is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Values that go together, and where they are from.

    Attributes:
        values: by the name of the argument.
        source: paper or code of the authors, or that they are ours.
    """

    values: Mapping[str, Any]
    source: str

    def __str__(self) -> str:
        values = ', '.join(f'{name}={value}' for name, value in self.values.items())
        return f'{values}: {self.source}'


@dataclass(frozen=True)
class Method:
    """What is changed in a config, and nothing else is.

    Attributes:
        name: in tables.
        source: where it is from.
        loss: config of the loss; ``num_classes`` is filled in where it takes it.
        head: type and arguments instead of a linear head; other heads stay.
        custom_hooks: added to those of the config.
        no_weight_decay: names of parameters that weight decay does not act on.
        needs_counts: whether it uses the class counts of the training set.
        settings: arguments of loss, head or hooks that the user gave.
        start: method whose finished training it starts from.
        retraining: settings of :func:`mmgala.retraining.retrain_classifier`.
        defaults: the settings that it has, and where they are from.
        alternatives: other settings, as for other data sets.
        differences: from what the authors do, beyond the config's own recipe.
    """

    name: str
    source: str
    loss: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    custom_hooks: Sequence[Mapping[str, Any]] = ()
    no_weight_decay: Sequence[str] = ()
    needs_counts: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    retraining: Mapping[str, Any] = field(default_factory=dict)
    defaults: Sequence[Setting] = ()
    alternatives: Sequence[Setting] = ()
    differences: str = ''

    def describe(self) -> str:
        """Source, settings and differences, as ``tools/compare.py --list`` has them."""
        lines = [f'{self.name:18}{self.source}']
        lines += [f'    {setting}' for setting in self.defaults]
        lines += [f'    or {setting}' for setting in self.alternatives]
        if self.differences:
            lines.append(f'    not as the authors: {self.differences}')
        return '\n'.join(lines)


def loss_config(name: str, **arguments: Any) -> dict[str, Any]:
    """Config of a loss of this package."""
    return dict(type=f'mmgala.{name}', **arguments)
