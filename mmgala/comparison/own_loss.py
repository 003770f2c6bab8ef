"""The loss that a user's config has, and its place among the compared methods."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmgala.comparison.config import short_name, with_method
from mmgala.comparison.method import Method
from mmgala.comparison.methods import OWN_METHOD
from mmgala.registry import find_class


def has_row(cfg: Config, methods: Iterable[Method]) -> bool:
    """Whether one of the methods trains the head and loss that the config has.

    Args:
        cfg: the user's config.
        methods: methods to compare.
    """
    return any(_keeps_head(cfg, method) for method in methods)


def own_loss_note(cfg: Config, methods: Iterable[Method]) -> str:
    """Say which row has the loss of the config, if it is not plain cross-entropy.

    Args:
        cfg: the user's config.
        methods: methods to compare.

    Returns:
        A sentence, or an empty text if no row ``ce`` could be mistaken for it.
    """
    methods = list(methods)
    plain = next((m for m in methods if m.name == 'ce'), None)
    if plain is None or _keeps_head(cfg, plain):
        return ''
    note = f'ce is plain cross-entropy, not the loss of the config ({_describe(cfg)})'
    rows = [method.name for method in methods if _keeps_head(cfg, method)]
    if rows:
        return f'{note}, which is {rows[0]}.'
    return f'{note}, which has no row: add {OWN_METHOD.name} to --methods.'


def _keeps_head(cfg: Config, method: Method) -> bool:
    if method.start is not None:
        return False
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    try:
        changed = with_method(cfg, method)
    except ValueError:
        return False
    hooks = [dict(hook) for hook in cfg.get('custom_hooks') or []]
    if any(dict(hook) not in hooks for hook in method.custom_hooks):
        return False
    return _without_defaults(changed.model.head) == _without_defaults(cfg.model.head)


def _without_defaults(part: Mapping[str, Any]) -> dict[str, Any]:
    """Class and arguments of a head or loss, without those that are defaults."""
    kind = find_class(part['type'], MODELS)
    defaults = _defaults(kind)
    own = {
        key: value
        for key, value in part.items()
        if key not in ('type', 'loss') and value != defaults.get(key, object())
    }
    if 'loss' in defaults or hasattr(kind, 'default_loss'):  # a head
        loss = part.get('loss') or getattr(kind, 'default_loss', None)
        own['loss'] = _without_defaults(loss or defaults['loss'])
        own['loss'].pop('num_classes', None)  # it is that of the head
    return {**own, 'type': kind}


def _defaults(kind: type | None) -> dict[str, Any]:
    """Default values of all arguments of a class and its bases."""
    found: dict[str, Any] = {}
    for base in reversed(inspect.getmro(kind) if kind is not None else ()):
        if '__init__' in vars(base) and base is not object:
            parameters = inspect.signature(vars(base)['__init__']).parameters
            found |= {
                name: one.default
                for name, one in parameters.items()
                if one.default is not one.empty
            }
    return found


def _describe(cfg: Config) -> str:
    """Head or loss of a config with its arguments, in brief."""
    head = cfg.model.head
    loss = head.get('loss')
    if loss is None:
        return short_name(head.type)
    arguments = {k: v for k, v in _without_defaults(loss).items() if k != 'type'}
    values = ', '.join(f'{name}={_brief(value)}' for name, value in arguments.items())
    return f'{short_name(loss.type)}({values})'


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f'{text[:37]}...'
