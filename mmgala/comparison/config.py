"""Configs of runs: a user's config in which only the method is exchanged."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.hooks import EarlyStoppingHook
from mmengine.optim import ReduceOnPlateauParamScheduler
from mmengine.registry import HOOKS, MODELS, PARAM_SCHEDULERS, init_default_scope
from mmpretrain.models.heads import MultiLabelClsHead, MultiTaskHead

from mmgala.apis.data_splits import validates_on_test
from mmgala.apis.stages import trains_by_epoch
from mmgala.comparison.method import Method
from mmgala.engine import ClassCountsHook
from mmgala.engine.metric_rules import set_metric_rules
from mmgala.evaluation.shot_thresholds import config_thresholds
from mmgala.losses.gradient_statistics import GradientStatistics
from mmgala.models import GALAHead, is_linear_head
from mmgala.models.heads.fused_head import fused_adjustment
from mmgala.registry import find_class, is_subclass


def check_comparable(cfg: Config) -> None:
    """Check that the method in a config can be exchanged.

    Raises:
        ValueError: if it does not train a classifier with one label per image.
    """
    if cfg.get('default_scope') == 'mmdet':
        raise ValueError(
            'Only classification methods can be compared, not detection methods.'
        )
    if cfg.get('stage1') is not None:
        raise ValueError(
            'The config trains in two stages, but a method would change only one of '
            'them: use a config with one stage; crt and lws re-train classifiers.'
        )
    head = cfg.get('model', {}).get('head')
    if not isinstance(head, Mapping) or 'type' not in head:
        raise ValueError('The config has no model.head whose loss can be exchanged.')
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    for several in (MultiLabelClsHead, MultiTaskHead):
        if is_subclass(head['type'], several, MODELS):
            raise ValueError(
                f'{short_name(head["type"])} predicts several labels per image, '
                'which is not supported.'
            )
    for part in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'test_dataloader'):
        if cfg.get(part) is None:
            raise ValueError(f'The config has no {part}: use a complete config.')


def short_name(kind: Any) -> str:
    """Name of a type, without scope or module."""
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    return name.rpartition('.')[2]


def with_method(cfg: Config, method: Method) -> Config:
    """A copy of a config with a method's head, loss and hooks.

    Linear heads are replaced by the method's head, or ``LinearClsHead``; with
    ``fused=True``, by one that trains in blocks of classes, too, if the method's loss
    can be computed so. Others keep their type and get the method's loss.
    ``ClassCountsHook`` is added if it is missing. Weight decay is disabled for the
    parameters that the method lists.

    Raises:
        ValueError: if the head accepts no loss, the method needs a head that cannot
            replace the config's, or no part accepts one of its settings.
    """
    cfg = copy.deepcopy(cfg)
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    parts = _parts(cfg, method)
    _apply_settings(method, parts)
    cfg.model.head = parts.pop(0)
    hooks = [*(cfg.get('custom_hooks') or []), *(p for p in parts if p is not None)]
    if not any(is_subclass(hook['type'], ClassCountsHook, HOOKS) for hook in hooks):
        hooks.append(dict(type='mmgala.ClassCountsHook'))
    cfg.custom_hooks = hooks
    if method.no_weight_decay:
        _switch_off_decay(cfg, method.no_weight_decay)
    return cfg


def _switch_off_decay(cfg: Config, parameters: Sequence[str]) -> None:
    """Disable weight decay for some parameters, and keep their other settings."""
    paramwise = cfg.optim_wrapper.get('paramwise_cfg') or ConfigDict()
    keys = paramwise.get('custom_keys') or ConfigDict()
    for name in parameters:
        # MMEngine applies only the longest key that is part of a name.
        longest = max((key for key in keys if key in name), key=len, default=None)
        keys[name] = {**keys.get(longest, {}), 'decay_mult': 0.0}
    cfg.optim_wrapper.paramwise_cfg = {**paramwise, 'custom_keys': keys}


def _parts(cfg: Config, method: Method) -> list[Any]:
    """The head with its loss, and the method's hooks."""
    head = cfg.model.head
    if method.keeps_config:
        return [head]
    fused = head.get('fused', False)
    if is_linear_head(find_class(head.type, MODELS)):
        head = _linear_head(head, method.head)
    elif (needed := _required_head(method)) is not None:
        raise ValueError(
            f'{method.name} needs {needed}, but the config '
            f'has {short_name(head.type)}, which is not linear and cannot be replaced.'
        )
    if method.loss is not None:
        if not accepts(head.type, 'loss'):
            raise ValueError(f'{short_name(head.type)} accepts no loss.')
        head.loss = _complete_loss(method.loss, cfg)
    if fused:
        _train_fused(head, soft_labels=_mixes_labels(cfg))
    return [head, *(ConfigDict(copy.deepcopy(dict(h))) for h in method.custom_hooks)]


def _required_head(method: Method) -> str | None:
    """Name of the head that the method requires; ``None`` if any will do.

    ``GALAHead`` is required only if the loss sets the initial bias.
    """
    if method.head is None:
        return None
    kind = method.head['type']
    if is_subclass(kind, GALAHead, MODELS) and not method.no_weight_decay:
        return None
    return short_name(kind)


def _apply_settings(method: Method, parts: Sequence[ConfigDict]) -> None:
    """Pass each setting to every part that accepts it, such as ``scale``."""
    targets = [*parts, *filter(None, [parts[0].get('loss')])]
    for name, value in method.settings.items():
        receivers = [part for part in targets if accepts(part.type, name)]
        if not receivers:
            kinds = ', '.join(short_name(part.type) for part in reversed(targets))
            raise ValueError(f'{method.name}: {kinds} accept no {name!r}.')
        for part in receivers:
            part[name] = value


def _linear_head(head: ConfigDict, new: Mapping[str, Any] | None) -> ConfigDict:
    """Config of a new head with those arguments of the old one that all accept."""
    common = ('num_classes', 'in_channels', 'topk', 'cal_acc', 'init_cfg', 'loss')
    kept = {key: copy.deepcopy(head[key]) for key in common if key in head}
    return ConfigDict(**{**kept, 'type': 'LinearClsHead', **(new or {})})


def _mixes_labels(cfg: Config) -> bool:
    """Whether images are mixed in training, and their labels with them."""
    return bool((cfg.model.get('train_cfg') or {}).get('augments'))


def _train_fused(head: ConfigDict, soft_labels: bool) -> None:
    """Have a linear head train in blocks of classes, if its loss has that form."""
    loss = GALAHead.build_loss(copy.deepcopy(head.loss), head.num_classes)
    if soft_labels and isinstance(loss, GradientStatistics):
        return  # these statistics need all logits
    try:
        fused_adjustment(loss, counted=False)
    except ValueError:
        return  # and so does this loss
    if not accepts(head.type, 'fused'):
        head.type = 'mmgala.GALAHead'  # with this loss, the same classifier
    head.fused = True


def _complete_loss(loss: Mapping[str, Any], cfg: Config) -> ConfigDict:
    """Add the arguments that follow from the config."""
    complete = ConfigDict(copy.deepcopy(dict(loss)))
    classes = cfg.model.head.get('num_classes')
    if classes is not None and accepts(complete.type, 'num_classes'):
        complete.setdefault('num_classes', classes)
    if _mixes_labels(cfg) and accepts(complete.type, 'use_soft'):
        complete.setdefault('use_soft', True)  # mixed images have mixed labels
    return complete


def accepts(kind: Any, argument: str) -> bool:
    """Whether a registered type, or one of its bases, accepts an argument."""
    found = find_class(kind, MODELS) or find_class(kind, HOOKS)
    if found is None:
        raise ValueError(f'{kind} is not registered: import it with custom_imports.')
    return any(
        argument in inspect.signature(vars(base)['__init__']).parameters
        for base in inspect.getmro(found)
        if '__init__' in vars(base) and base is not object
    )


def run_config(
    cfg: Config, method: Method, seed: int, folder: Path, selection: str
) -> Config:
    """Exact config of a run, with its method, seed, folder and checkpoints.

    Runs of one seed see the same batches in the same order, as MMEngine's samplers have
    a separate generator. All heads of one shape start from the same weights, except for
    a bias that the loss sets (``cb-focal``). ``CosineClsHead`` and the backbone, which
    is initialised after it, start from other weights than with ``LinearClsHead``.
    Random augmentations are the same if ``num_workers`` is 1 or more. With 0, they
    share the generators of the model, which losses with noise (``gcl-one-stage``) use.

    Args:
        cfg: the user's config.
        method: method to insert.
        seed: seed of initialisation, sampling and augmentation.
        folder: folder of the run.
        selection: ``'last'`` tests the last epoch, and skips validation before it;
            ``'best'`` tests the best epoch on the validation set.
    """
    cfg = with_method(cfg, method)
    cfg.work_dir = str(folder)
    cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    cfg.resume = False
    cfg.launcher = 'none'
    cfg.visualizer = None
    stated = config_thresholds(cfg)
    evaluator = dict(
        type='mmgala.LongTailedAccuracy', **(asdict(stated) if stated else {})
    )
    for split in ('val', 'test'):
        if cfg.get(f'{split}_dataloader') is not None:
            cfg[f'{split}_evaluator'] = dict(evaluator)
            cfg[f'{split}_cfg'] = cfg.get(f'{split}_cfg') or dict()
    _set_checkpoints(cfg, selection)
    set_metric_rules(cfg)
    return cfg


def _set_checkpoints(cfg: Config, selection: str) -> None:
    by_epoch = trains_by_epoch(cfg)
    hooks = cfg.setdefault('default_hooks', ConfigDict())
    old = hooks.get('checkpoint') or {}
    checkpoint = dict(
        type='CheckpointHook',
        by_epoch=by_epoch,
        # An interrupted training resumes from these.
        interval=1 if by_epoch else old.get('interval', 1000),
        max_keep_ckpts=1,
        save_last=True,
    )
    if selection == 'best':
        checkpoint |= dict(save_best='accuracy/class_mean', rule='greater')
    elif not needs_validation(cfg):
        cfg.train_cfg.val_begin = training_length(cfg) + 1
    hooks.checkpoint = checkpoint


def needs_validation(cfg: Config) -> bool:
    """Whether the training depends on validation results."""
    schedulers = cfg.get('param_scheduler') or []
    schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
    plateau, early = ReduceOnPlateauParamScheduler, EarlyStoppingHook
    return any(
        is_subclass(part['type'], plateau, PARAM_SCHEDULERS) for part in schedulers
    ) or any(
        is_subclass(hook['type'], early, HOOKS)
        for hook in cfg.get('custom_hooks') or []
    )


def training_length(cfg: Config) -> int:
    """Number of epochs, or of iterations in training by iteration."""
    if trains_by_epoch(cfg):
        return cfg.train_cfg.max_epochs
    return cfg.train_cfg.max_iters


def validation_problem(cfg: Config) -> str | None:
    """Reason why the validation set cannot be used for choices; None if it can."""
    if cfg.get('val_dataloader') is None:
        return 'the config has no val_dataloader'
    if validates_on_test(cfg):
        return 'the validation set of the config is its test set'
    return None
