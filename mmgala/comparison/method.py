"""Definition of a method that can be compared, with the sources of its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Values that belong together, and their source.

    Attributes:
        values: values by the names of the arguments.
        source: the authors' paper or code, or ``ours``.
    """

    values: Mapping[str, Any]
    source: str

    def __str__(self) -> str:
        values = ', '.join(f'{name}={value}' for name, value in self.values.items())
        return f'{values}: {self.source}'


@dataclass(frozen=True)
class Method:
    """A method, as the changes that it makes to a config.

    Attributes:
        name: name in tables.
        source: its paper.
        loss: config of the loss; ``num_classes`` is added if the loss accepts it.
        head: type and arguments that replace a linear head; other heads are kept.
        custom_hooks: hooks that are added to those of the config.
        no_weight_decay: names of parameters that are excluded from weight decay.
        needs_counts: whether it uses the class counts of the training set.
        settings: arguments of loss, head or hooks, given by the user.
        keeps_config: whether the head, loss and hooks of the config stay as they are.
        start: name of the method whose finished training it starts from.
        retraining: settings of :func:`mmgala.retraining.retrain_classifier`.
        defaults: default settings, with their sources.
        alternatives: other settings, for example for other data sets.
        differences: deviations from the authors' method, besides the config's recipe.
    """

    name: str
    source: str
    loss: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    custom_hooks: Sequence[Mapping[str, Any]] = ()
    no_weight_decay: Sequence[str] = ()
    needs_counts: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    keeps_config: bool = False
    start: str | None = None
    retraining: Mapping[str, Any] = field(default_factory=dict)
    defaults: Sequence[Setting] = ()
    alternatives: Sequence[Setting] = ()
    differences: str = ''

    def describe(self) -> str:
        """Source, settings and differences, for ``mmgala compare --list``."""
        lines = [f'{self.name:18}{self.source}']
        lines += [f'    {setting}' for setting in self.defaults]
        lines += [f'    or {setting}' for setting in self.alternatives]
        if self.differences:
            lines.append(f'    unlike the authors: {self.differences}')
        return '\n'.join(lines)


def loss_config(name: str, **arguments: Any) -> dict[str, Any]:
    """Config of a loss in this package."""
    return dict(type=f'mmgala.{name}', **arguments)
