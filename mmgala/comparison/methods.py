"""Catalogue of the methods; methods that users select, set and define."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmgala.comparison.config import accepts, short_name
from mmgala.comparison.decoupled_methods import DECOUPLED
from mmgala.comparison.joint_methods import JOINT
from mmgala.comparison.method import Method
from mmgala.retraining.options import METHOD_OPTIONS

CATALOGUE = {method.name: method for method in (*JOINT, *DECOUPLED)}
"""Methods by name, as `mmgala compare --list` shows them."""
# Not a method of its own: what the user has configured.
OWN_METHOD = Method(
    'config', "the config's own head, loss and hooks", keeps_config=True
)


def find_methods(
    texts: Sequence[str], own: Mapping[str, Method] | None = None
) -> list[Method]:
    """Look up methods as they are written on the command line.

    Args:
        texts: names, or names with settings like ``gala:lambda_pos=2``.
        own: the user's methods by name; they override those of the catalogue.

    Returns:
        The methods, with the texts as their names.

    Raises:
        ValueError: if a method is unknown or repeated, or its settings are invalid.
    """
    known = {**CATALOGUE, OWN_METHOD.name: OWN_METHOD, **(own or {})}
    methods: list[Method] = []
    for text in texts:
        name, colon, written = text.partition(':')
        if colon and not written:
            raise ValueError(
                f'--methods {text} has no settings after the colon: write {name}, or '
                f'{name}:KEY=VALUE,...'
            )
        if name not in known:
            raise ValueError(
                f'Unknown method {name!r}: choose from {", ".join(known)}, or define '
                'it in a --methods-file.'
            )
        if any(method.name == text for method in methods):
            raise ValueError(f'Method {text} is listed twice.')
        settings = parse_settings(written)
        methods.append(replace(known[name], name=text, settings=settings))
    return methods


def retraining_options(method: Method) -> dict[str, Any]:
    """Method and options of a re-training.

    The loss may be given as the name of a method. Settings that are not options of the
    re-training are arguments of its loss.

    Raises:
        ValueError: if neither the re-training nor its loss accepts a setting.
    """
    options = dict(method.retraining)
    taken = (*METHOD_OPTIONS[options['method']], 'seed')
    for_loss = {k: v for k, v in method.settings.items() if k not in taken}
    options |= {k: v for k, v in method.settings.items() if k not in for_loss}
    loss = options.get('loss')
    if isinstance(loss, str):
        named = CATALOGUE.get(loss)
        if named is None or named.loss is None:
            raise ValueError(f'{method.name}: no method {loss!r} has a loss.')
        loss = named.loss
    if loss is None:
        return {**options, **for_loss}  # rejected by RetrainOptions
    for name in for_loss:
        if not accepts(loss['type'], name):
            raise ValueError(
                f'{method.name}: neither {options["method"]} nor '
                f'{short_name(loss["type"])} accepts {name!r}.'
            )
    return {**options, 'loss': {**loss, **for_loss}}


def parse_settings(text: str) -> dict[str, Any]:
    """Read ``a=1,b=(1,2),c=name``.

    Raises:
        ValueError: if a part does not have the form ``name=value``.

    Examples:
        >>> parse_settings('lambda_pos=2,variant=official')
        {'lambda_pos': 2, 'variant': 'official'}
    """
    settings = {}
    # Commas within brackets belong to a value.
    for part in filter(None, re.split(r',(?![^(\[{]*[)\]}])', text)):
        name, equals, value = part.partition('=')
        if not equals or not name.strip().isidentifier():
            raise ValueError(
                f'Expected settings of a method like gala:lambda_pos=2,lambda_neg=2,'
                f' but got {part!r}.'
            )
        try:
            settings[name.strip()] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name.strip()] = value
    return settings


def user_methods(definitions: Mapping[str, Any], path: str) -> dict[str, Method]:
    """Methods that are defined in a user's file.

    Args:
        definitions: ``methods`` of the file: by name, dicts with any of ``loss``,
            ``head``, ``custom_hooks``, ``no_weight_decay`` and ``source``, and at least
            one of the first three.
        path: path of the file, for messages.

    Raises:
        ValueError: if there are no methods, or one is invalid.
    """
    required = {'loss', 'head', 'custom_hooks'}
    allowed = {*required, 'no_weight_decay', 'source'}
    if not isinstance(definitions, Mapping) or not definitions:
        raise ValueError(f'{path} has no methods = dict(my_method=dict(...)).')
    methods = {}
    for name, parts in definitions.items():
        if not isinstance(parts, Mapping) or not set(parts) & required:
            raise ValueError(
                f'{path}: method {name} must be a dict with loss, head or custom_hooks.'
            )
        if unknown := sorted(set(parts) - allowed):
            raise ValueError(
                f'{path}: method {name} has {unknown[0]!r}: only '
                f'{", ".join(sorted(allowed))} can be changed, so that everything else '
                'stays equal.'
            )
        if not re.fullmatch(r'[\w.+-]*\w[\w.+-]*', name):
            raise ValueError(
                f'{path}: names of methods have letters, digits and ._+-, but got '
                f'{name!r}.'
            )
        _check_parts(parts, f'{path}: {name}')
        methods[name] = Method(name, **{'source': f'defined in {path}', **parts})
    return methods


def _check_parts(parts: Mapping[str, Any], name: str) -> None:
    """Check the types of what a user's method changes."""
    for key in ('loss', 'head'):
        if not isinstance(parts.get(key, {}), Mapping):
            raise ValueError(
                f'{name}.{key} must be a dict, such as dict(type=...), but is '
                f'{parts[key]!r}.'
            )
    for key, kind in (('custom_hooks', Mapping), ('no_weight_decay', str)):
        entries = parts.get(key, [])
        if not isinstance(entries, (list, tuple)) or not all(
            isinstance(entry, kind) for entry in entries
        ):
            what = 'dicts with a type' if kind is Mapping else 'names of parameters'
            raise ValueError(
                f'{name}.{key} must be a list of {what}, but is {entries!r}.'
            )
