"""Options of re-training, and the methods that accept them."""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from torch import nn

from mmgala.functional.rebalance import check_tau
from mmgala.names import RETRAINING_METHODS
from mmgala.registry import MODELS, find_class
from mmgala.retraining.closed_form import check_distance
from mmgala.retraining.training import Schedule

DEFAULT_LOSS = dict(type='CrossEntropyLoss')


def build_loss(
    config: dict[str, Any] | None, num_classes: int, class_counts: Sequence[int]
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a registered loss, with the number of classes and the class counts.

    Args:
        config: with ``type``. Defaults to cross-entropy.
        num_classes: C; passed to a loss that accepts it.
        class_counts: training samples of each class in one epoch, whatever the
            sampling; passed to a loss that accepts them.

    Returns:
        The loss, and its config for a model's head.

    Raises:
        TypeError: if the loss does not accept an argument.
        ValueError: if no loss is registered by this name, or an argument is out of
            range.
    """
    config = dict(DEFAULT_LOSS if config is None else config)
    kind = find_class(config['type'], MODELS)
    if kind is None:
        ours = [f'mmgala.{n}' for n in MODELS.module_dict if n.endswith('Loss')]
        raise ValueError(
            f'There is no loss {config["type"]!r} in MMPretrain or registered by '
            f'custom_imports; those of this package are {", ".join(sorted(ours))}.'
        )
    if 'num_classes' in inspect.signature(kind).parameters:
        given = config.setdefault('num_classes', num_classes)
        if given != num_classes:
            raise ValueError(
                f'The classifier has {num_classes} classes, but the loss num_classes='
                f'{given}: remove it from the loss.'
            )
    loss = MODELS.build(dict(config))
    if hasattr(loss, 'set_class_counts'):
        loss.set_class_counts(class_counts)
    return loss, config


def corrects_for_counts(loss: nn.Module) -> bool:
    """Whether a loss compensates for the class prior, so that sampling should not.

    Losses have an attribute ``corrects_class_prior``. One without it is assumed to
    compensate if it takes class counts.
    """
    takes_counts = hasattr(loss, 'set_class_counts')
    return getattr(loss, 'corrects_class_prior', takes_counts)


TRAINED_METHODS = ('crt', 'lws')
# Options of each method, besides `seed`, which all of them accept.
_SCHEDULE = ('sampling', 'epochs', 'lr', 'batch_size', 'weight_decay')
METHOD_OPTIONS = {
    'crt': ('loss', 'init', *_SCHEDULE),
    'lws': ('loss', *_SCHEDULE),
    'tau-norm': ('tau', 'target_prior'),
    'ncm': ('distance',),
}
PRIORS = ('train', 'val')
INITS = ('new', 'trained')
DEFAULT_EPOCHS = {'crt': 10, 'lws': 5}  # as in the authors' code for ImageNet-LT
# On small sets, the default number of epochs grows to reach this number of steps.
MIN_STEPS = 500


@dataclass(frozen=True)
class RetrainOptions:
    """Choices of :func:`retrain_classifier`; ``None`` stands for the default.

    Attributes:
        loss: config of the loss of ``crt`` and ``lws``. Defaults to cross-entropy.
            ``num_classes`` and class counts are set automatically.
        sampling: of ``crt`` and ``lws``, ``'class'`` (all classes equally often) or
            ``'instance'``. Defaults to the former, as in the paper, or to the latter
            with a loss that corrects for the class counts, as both together would
            favour the tail twice.
        init: of ``crt``, ``'new'`` (default, as in the paper) or ``'trained'``: the
            layer starts from new weights, or from those of the trained model.
        epochs: of ``crt`` and ``lws``. Defaults to 10 and 5, as in the authors' code,
            or on a small set to as many as make 500 steps.
        lr: of ``crt`` and ``lws``, of the first epoch; 0.2 by default.
        batch_size: of ``crt`` and ``lws``, 512 by default.
        weight_decay: of ``crt`` and ``lws``, 5e-4 by default.
        tau: of ``tau-norm``. Defaults to the best one on the validation set.
        target_prior: of ``tau-norm`` without ``tau``: class shares of the data to
            predict, C values with sum 1, ``'train'`` or ``'val'``. tau is the best for
            them; by default, for balanced classes.
        distance: of ``ncm``, ``'cl2n'`` (default, as in the authors' command),
            ``'euclidean'`` or ``'cosine'``; see :func:`nearest_class_mean`.
        seed: of ``crt`` and ``lws``; the others use no random numbers.
    """

    loss: dict[str, Any] | None = None
    sampling: str | None = None
    init: str | None = None
    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    weight_decay: float | None = None
    tau: float | None = None
    target_prior: Sequence[float] | Literal['train', 'val'] | None = None
    distance: str | None = None
    seed: int = 0

    def check(self, method: str) -> None:
        """Check that the method uses every option that is set.

        Raises:
            ValueError: if the method is unknown, or an option is invalid or unused.
        """
        if method not in RETRAINING_METHODS:
            raise ValueError(
                f'There is no method {method!r}: choose one of '
                f'{", ".join(RETRAINING_METHODS)}.'
            )
        given = {f.name for f in fields(self) if getattr(self, f.name) is not None}
        useless = sorted(given - {'seed', *METHOD_OPTIONS[method]})
        if useless:
            flags = ', '.join(METHOD_OPTIONS[method]).replace('_', '-')
            raise ValueError(
                f'{method} does not use {", ".join(useless)}; it takes {flags}.'
            )
        if self.tau is not None:
            check_tau(self.tau)
            if self.target_prior is not None:
                raise ValueError(
                    '`target_prior` chooses tau: give one of the two, not both.'
                )
        if isinstance(self.target_prior, str) and self.target_prior not in PRIORS:
            raise ValueError(
                f'Expected `target_prior` to be one of {PRIORS} or one number per '
                f'class, but got {self.target_prior!r}.'
            )
        if self.distance is not None:
            check_distance(self.distance)
        if self.init not in (None, *INITS):
            raise ValueError(
                f'Expected `init` to be one of {INITS}, but got {self.init!r}.'
            )
        if method in TRAINED_METHODS:
            self.schedule(method, 1, 'class')  # checks the numbers

    def schedule(self, method: str, num_samples: int, sampling: str) -> Schedule:
        """Schedule of ``crt`` or ``lws`` on a training set.

        Args:
            method: ``'crt'`` or ``'lws'``.
            num_samples: number of training samples.
            sampling: used unless the option is set.

        Raises:
            ValueError: if a number is out of range.
        """
        chosen: dict[str, Any] = dict(sampling=sampling, seed=self.seed)
        for name in _SCHEDULE:
            if getattr(self, name) is not None:
                chosen[name] = getattr(self, name)
        schedule = Schedule(**chosen)
        if self.epochs is None:
            steps = math.ceil(num_samples / schedule.batch_size)
            epochs = max(DEFAULT_EPOCHS[method], math.ceil(MIN_STEPS / steps))
            schedule = replace(schedule, epochs=epochs)
        return schedule
