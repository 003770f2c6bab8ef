"""All keys of a config that could name a file, also those that it does not set."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)
from mmengine.runner import Runner

from mmgala.registry import find_class

REGISTRIES = (
    MODELS,
    DATASETS,
    TRANSFORMS,
    DATA_SAMPLERS,
    HOOKS,
    LOOPS,
    METRICS,
    EVALUATOR,
    OPTIMIZERS,
    OPTIM_WRAPPERS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    VISUALIZERS,
)


def config_keys(cfg: Config) -> list[str]:
    """Dotted keys of a config, and of all arguments of the classes that it names.

    These are all leaves, the arguments of ``Runner``, and for each dict with ``type``
    the arguments of that class and its parents.
    """
    scope = cfg.get('default_scope')
    keys = dict.fromkeys(inspect.signature(Runner.__init__).parameters)
    keys |= dict.fromkeys(_keys(cfg.to_dict(), '', scope))
    return [key for key in keys if key not in ('self', 'cfg') and key != '']


def _keys(value: Any, prefix: str, scope: str | None) -> Iterator[str]:
    if isinstance(value, Mapping):
        names = dict.fromkeys((*value, *_arguments(value.get('type'), scope)))
        for name in names:
            key = f'{prefix}.{name}' if prefix else str(name)
            yield key
            yield from _keys(value.get(name), key, scope)
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _keys(entry, f'{prefix}.{index}', scope)


def _arguments(kind: Any, scope: str | None) -> list[str]:
    """Names of the arguments of the class with a name, in any registry."""
    found = [find_class(kind, registry, scope) for registry in REGISTRIES if kind]
    classes = {one for one in found if isinstance(one, type)}
    parents = {parent: None for one in classes for parent in one.__mro__[:-1]}
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    own = [vars(parent) for parent in parents]
    makers = [names['__init__'] for names in own if '__init__' in names]
    return [
        name
        for maker in makers
        for name, argument in inspect.signature(maker).parameters.items()
        if name != 'self' and argument.kind not in several
    ]
