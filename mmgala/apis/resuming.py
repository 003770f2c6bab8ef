"""Which checkpoint a training may continue from."""

import ast
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmpretrain.models.heads import ClsHead
from torch import nn

from mmgala.losses.training_statistics import LOW, TrainingStatistics
from mmgala.registry import MODELS, find_class
from mmgala.utils.checkpoint import read_latest_checkpoint
from mmgala.utils.checkpoint_fit import unwrap_model


def check_same_losses(cfg: Config, checkpoint: dict, path: str | Path) -> None:
    """Check that a training was run with the losses of a config.

    Otherwise, one method would train on from the weights and momentum of another, as
    when GALA and cross-entropy are trained in one work directory.

    Args:
        cfg: config of the training to continue.
        checkpoint: its checkpoint, from
            :func:`mmgala.utils.checkpoint.read_checkpoint`.
        path: path of the checkpoint, for the error message.

    Raises:
        ValueError: if a loss of the model has another type.
    """
    before = _stored_losses(checkpoint)
    for name, loss in _losses(cfg.model, 'model'):
        if before.get(name, loss) != loss:
            raise ValueError(
                f'Checkpoint {path} was trained with {before[name]}, but {name} in the '
                f'config is {loss}: resume it with its own config, or choose another '
                f'--work-dir. To start from its weights only: --cfg-options '
                f'load_from={path}'
            )


def check_has_statistics(
    checkpoint: dict, model: nn.Module, path: str | Path, in_shares: Collection[str]
) -> None:
    """Check that a checkpoint has all that the losses of a model accumulate.

    An option such as ``count_share`` of :class:`mmgala.losses.GALALoss` gives a loss
    further statistics. They would start with the continued part of the training, beside
    others of the whole training.

    Args:
        checkpoint: checkpoint of the training to continue.
        model: model of the config.
        path: path of the checkpoint, for the error message.
        in_shares: names that are read from the shares of the classes.

    Raises:
        ValueError: if a statistic is missing.
    """
    stored = {key.removeprefix('module.') for key in checkpoint['state_dict']}
    for prefix, module in unwrap_model(model).named_modules():
        if not isinstance(module, TrainingStatistics):
            continue
        for name in module.statistics:
            full = f'{prefix}.{name}'.removeprefix('.')
            if name.endswith(LOW) or full in stored or full in in_shares:
                continue
            raise ValueError(
                f'Checkpoint {path} has no {full}, which the options of '
                f'{type(module).__name__} in the config need from the first step on: '
                'resume with the options of the training, or start one in another '
                f'--work-dir. To start from its weights: --cfg-options load_from={path}'
            )


def number_of_schedulers(cfg: Config) -> int | None:
    """How many parameter schedulers a config has; ``None`` if each optimizer has some.

    Examples:
        >>> number_of_schedulers(Config(dict(param_scheduler=dict(type='StepLR'))))
        1
    """
    schedulers = cfg.get('param_scheduler') or []
    if isinstance(schedulers, Mapping):
        return 1 if 'type' in schedulers else None
    return len(schedulers) if isinstance(schedulers, (list, tuple)) else 1


def former_work_dir(cfg: Config, config_path: str | Path) -> str | None:
    """Default work directory of earlier versions, if it holds this training.

    It was named after the config's file alone, so that methods with a config of one
    name shared it.
    """
    folder = Path('work_dirs') / Path(config_path).stem
    latest = read_latest_checkpoint(folder)
    if latest is None or not _stored_losses(latest[1]):
        return None
    with suppress(ValueError):
        check_same_losses(cfg, latest[1], latest[0])
        return str(folder)
    return None


def _stored_losses(checkpoint: dict) -> dict[str, str]:
    """Types of losses by name; empty if the checkpoint does not hold its config."""
    text = (checkpoint.get('meta') or {}).get('cfg')
    model = read_settings(text).get('model') if isinstance(text, str) else None
    return dict(_losses(model, 'model'))


def _losses(part: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the dotted name of each loss in a model, and its type without scope."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if str(key).startswith('loss') and isinstance(value, Mapping):
                if 'type' in value:
                    yield f'{name}.{key}', _short_name(value['type'])
            else:
                yield from _losses(value, f'{name}.{key}')
        if str(name).endswith('head') and 'type' in part and 'loss' not in part:
            default = _default_loss(part['type'])
            if default is not None:
                yield f'{name}.loss', default
    elif isinstance(part, (list, tuple)):
        for index, value in enumerate(part):
            yield from _losses(value, f'{name}.{index}')


def _default_loss(head: Any) -> str | None:
    """Type of the loss that a head has by default, if that is known."""
    found = find_class(head, MODELS)
    if found is None or not issubclass(found, ClsHead):
        return None
    with suppress(Exception):  # a head of the user's with other arguments
        return type(found(num_classes=2, in_channels=2).loss_module).__name__
    return None


def _short_name(kind: Any) -> str:
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))
    return name.rpartition('.')[2]


def read_settings(text: str) -> dict[str, Any]:
    """Read the settings of a config's text without executing it.

    Args:
        text: as MMEngine stores it in checkpoints: literals and ``dict(...)``.

    Returns:
        Settings by name; those that contain anything else are left out.

    Examples:
        >>> read_settings("model = dict(head=dict(type='A'))")
        {'model': {'head': {'type': 'A'}}}
        >>> read_settings("import os; a = os.getcwd()")
        {}
    """
    found = {}
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                with suppress(ValueError, TypeError):
                    found[node.targets[0].id] = _literal(node.value)
    return found


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and getattr(node.func, 'id', None) == 'dict':
        parts = [_literal(part) for part in node.args]
        named = {key.arg: _literal(key.value) for key in node.keywords}
        return {k: v for part in (*parts, named) for k, v in dict(part).items()}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(part) for part in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_literal(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_literal, node.values), strict=True))
    return ast.literal_eval(node)
