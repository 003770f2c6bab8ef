"""The methods that can be compared, as a user names, sets and defines them."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmgala.comparison.config import short_name, takes
from mmgala.comparison.decoupled_methods import DECOUPLED
from mmgala.comparison.joint_methods import JOINT
from mmgala.comparison.method import Method
from mmgala.retraining.options import TAKES

CATALOGUE = {method.name: method for method in (*JOINT, *DECOUPLED)}


def find_methods(
    texts: Sequence[str], own: Mapping[str, Method] | None = None
) -> list[Method]:
    """Look up methods as they are written on the command line.

    Args:
        texts: a name each, or a name with settings, like ``gala:lambda_pos=2``.
        own: the user's methods by name; they go before those of the catalogue.

    Returns:
        The methods, each named by its text.

    Raises:
        ValueError: if one is unknown, twice there, or its settings cannot be read.
    """
    known = {**CATALOGUE, **(own or {})}
    methods: list[Method] = []
    for text in texts:
        name, _, written = text.partition(':')
        if name not in known:
            raise ValueError(
                f'Unknown method {name!r}: choose from {", ".join(known)}, or define '
                'it in a --methods-file.'
            )
        if any(method.name == text for method in methods):
            raise ValueError(f'Method {text} is there twice.')
        settings = parse_settings(written)
        methods.append(replace(known[name], name=text, settings=settings))
    return methods


def retraining_options(method: Method) -> dict[str, Any]:
    """Method and options of a re-training; a loss may be named like a method.

    Settings that are no options of the re-training are arguments of its loss.

    Raises:
        ValueError: if it has no such option.
    """
    options = dict(method.retraining)
    taken = (*TAKES[options['method']], 'seed')
    for_loss = {k: v for k, v in method.settings.items() if k not in taken}
    options |= {k: v for k, v in method.settings.items() if k not in for_loss}
    loss = options.get('loss')
    if isinstance(loss, str):
        named = CATALOGUE.get(loss)
        if named is None or named.loss is None:
            raise ValueError(f'{method.name}: no method {loss!r} has a loss.')
        loss = named.loss
    if loss is None:
        return {**options, **for_loss}  # which is refused
    for name in for_loss:
        if not takes(loss['type'], name):
            raise ValueError(
                f'{method.name}: neither {options["method"]} nor '
                f'{short_name(loss["type"])} takes {name!r}.'
            )
    return {**options, 'loss': {**loss, **for_loss}}


def parse_settings(text: str) -> dict[str, Any]:
    """Read ``a=1,b=(1,2),c=name``.

    Raises:
        ValueError: if a part is not of the form ``name=value``.

    Examples:
        >>> parse_settings('lambda_pos=2,variant=official')
        {'lambda_pos': 2, 'variant': 'official'}
    """
    settings = {}
    # Commas within brackets are of a value.
    for part in filter(None, re.split(r',(?![^(\[{]*[)\]}])', text)):
        name, equals, value = part.partition('=')
        if not equals or not name.strip().isidentifier():
            raise ValueError(
                f'Settings of a method are written like gala:lambda_pos=2,lambda_neg=2,'
                f' but got {part!r}.'
            )
        try:
            settings[name.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name.strip()] = value
    return settings


def own_methods(definitions: Mapping[str, Any], path: str) -> dict[str, Method]:
    """Methods that a user's file defines.

    Args:
        definitions: its ``methods``: by name, dicts of ``loss``, ``head``,
            ``custom_hooks``, ``no_weight_decay`` and ``source``, all optional but one
            of the first three.
        path: of the file, for messages.

    Raises:
        ValueError: if there are none, or one has something else, or nothing.
    """
    parts_of_it = {'loss', 'head', 'custom_hooks'}
    allowed = {*parts_of_it, 'no_weight_decay', 'source'}
    if not isinstance(definitions, Mapping) or not definitions:
        raise ValueError(f'{path} has no methods = dict(my_method=dict(...)).')
    methods = {}
    for name, parts in definitions.items():
        if not isinstance(parts, Mapping) or not set(parts) & parts_of_it:
            raise ValueError(
                f'{path}: method {name} must be a dict with loss, head or custom_hooks.'
            )
        if unknown := sorted(set(parts) - allowed):
            raise ValueError(
                f'{path}: method {name} has {unknown[0]!r}: only '
                f'{", ".join(sorted(allowed))} can be changed, as all else is to be '
                'equal.'
            )
        if not re.fullmatch(r'[\w.+-]*\w[\w.+-]*', name):
            raise ValueError(
                f'{path}: a method is named by letters, digits and ._+-, not {name!r}.'
            )
        methods[name] = Method(name, **{'source': f'defined in {path}', **parts})
    return methods
