"""Put a method into a user's config, and change nothing else."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import HOOKS, MODELS, init_default_scope

from mmgala.comparison.method import Method

LINEAR_HEADS = ('LinearClsHead', 'GALAHead', 'CosineClsHead', 'ClassMeanClsHead')


def check_comparable(cfg: Config) -> None:
    """Check that a config is one whose method can be exchanged.

    Raises:
        ValueError: if it is not of a classifier with one label per image.
    """
    if cfg.get('default_scope') == 'mmdet':
        raise ValueError('Methods of classification are compared, not of detection.')
    if cfg.get('stage1') is not None:
        raise ValueError(
            'The config trains in two stages, of which the methods would change but '
            'one: compare on a config of one stage; crt and lws re-train classifiers.'
        )
    head = cfg.get('model', {}).get('head')
    if not isinstance(head, Mapping) or 'type' not in head:
        raise ValueError('The config has no model.head whose loss could be exchanged.')
    kind = short_name(head['type'])
    if 'MultiLabel' in kind or 'MultiTask' in kind or kind == 'CSRAClsHead':
        raise ValueError(
            f'{kind} gives several labels an image: that is not supported.'
        )
    for part in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'test_dataloader'):
        if cfg.get(part) is None:
            raise ValueError(f'The config has no {part}: it takes one that trains.')


def short_name(kind: Any) -> str:
    """Name of a type without its scope or module."""
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    return name.rpartition('.')[2]


def with_method(cfg: Config, method: Method) -> Config:
    """A copy of a config with a method's head, loss and hooks.

    Linear heads become the method's head, or ``LinearClsHead``. Others keep their type
    and get the loss. ``ClassCountsHook`` is added where it is missing. Weight decay is
    switched off for the parameters that the method names.

    Raises:
        ValueError: if the head takes no loss, the method's own head would have to
            replace one that is not linear, or nothing takes one of its settings.
    """
    cfg = copy.deepcopy(cfg)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    parts = _parts(cfg, method)
    _apply_settings(method, parts)
    cfg.model.head = parts.pop(0)
    hooks = [*(cfg.get('custom_hooks') or []), *(p for p in parts if p is not None)]
    if not any(short_name(hook['type']) == 'ClassCountsHook' for hook in hooks):
        hooks.append(dict(type='mmgala.ClassCountsHook'))
    cfg.custom_hooks = hooks
    if method.no_weight_decay:
        _switch_off_decay(cfg, method.no_weight_decay)
    return cfg


def _switch_off_decay(cfg: Config, parameters: Sequence[str]) -> None:
    """Let weight decay not act on some parameters, whatever else is set of them."""
    paramwise = cfg.optim_wrapper.get('paramwise_cfg') or ConfigDict()
    keys = paramwise.get('custom_keys') or ConfigDict()
    for name in parameters:
        # MMEngine takes the longest key that is part of a name, and that one alone.
        longest = max((key for key in keys if key in name), key=len, default=None)
        keys[name] = {**keys.get(longest, {}), 'decay_mult': 0.0}
    cfg.optim_wrapper.paramwise_cfg = {**paramwise, 'custom_keys': keys}


def _parts(cfg: Config, method: Method) -> list[Any]:
    """The head with its loss, and the method's hooks."""
    head = cfg.model.head
    if short_name(head.type) in LINEAR_HEADS:
        head = _linear_head(head, method.head)
    elif (needed := _head_it_needs(method)) is not None:
        raise ValueError(
            f'{method.name} needs {needed}, but the config '
            f'has {short_name(head.type)}, which is no linear head to exchange.'
        )
    if method.loss is not None:
        if not takes(head.type, 'loss'):
            raise ValueError(f'{short_name(head.type)} takes no loss to exchange.')
        head.loss = _complete_loss(method.loss, cfg)
    return [head, *(ConfigDict(copy.deepcopy(dict(h))) for h in method.custom_hooks)]


def _head_it_needs(method: Method) -> str | None:
    """Name of the head that the method cannot do without.

    GALA can: it does not need what makes ``GALAHead`` more than a linear head.
    """
    kind = None if method.head is None else short_name(method.head['type'])
    return None if kind == 'GALAHead' and not method.no_weight_decay else kind


def _apply_settings(method: Method, parts: Sequence[ConfigDict]) -> None:
    """Give each setting to all that take it: a scale to loss and head."""
    targets = [*parts, *filter(None, [parts[0].get('loss')])]
    for name, value in method.settings.items():
        takers = [part for part in targets if takes(part.type, name)]
        if not takers:
            kinds = ', '.join(short_name(part.type) for part in reversed(targets))
            raise ValueError(f'{method.name}: {kinds} take no {name!r}.')
        for part in takers:
            part[name] = value


def _linear_head(head: ConfigDict, new: Mapping[str, Any] | None) -> ConfigDict:
    """What is common to linear heads, and the new type and arguments."""
    common = ('num_classes', 'in_channels', 'topk', 'cal_acc', 'init_cfg', 'loss')
    kept = {key: copy.deepcopy(head[key]) for key in common if key in head}
    return ConfigDict(**{**kept, 'type': 'LinearClsHead', **(new or {})})


def _complete_loss(loss: Mapping[str, Any], cfg: Config) -> ConfigDict:
    """Fill in what follows from the config."""
    complete = ConfigDict(copy.deepcopy(dict(loss)))
    classes = cfg.model.head.get('num_classes')
    if classes is not None and takes(complete.type, 'num_classes'):
        complete.setdefault('num_classes', classes)
    mixes = (cfg.model.get('train_cfg') or {}).get('augments')
    if mixes and short_name(complete.type) == 'CrossEntropyLoss':
        complete.setdefault('use_soft', True)  # mixed images have mixed labels
    return complete


def takes(kind: Any, argument: str) -> bool:
    """Whether a type of the registry, or one of its bases, has an argument."""
    found = kind if inspect.isclass(kind) else None
    for root in (MODELS, HOOKS):
        # In the scope of the config, as the runner will look it up.
        with root.switch_scope_and_registry(None) as registry:
            found = found or registry.get(kind)
    if found is None:
        raise ValueError(f'{kind} is not known: import it by custom_imports.')
    return any(
        argument in inspect.signature(vars(base)['__init__']).parameters
        for base in inspect.getmro(found)
        if '__init__' in vars(base) and base is not object
    )
