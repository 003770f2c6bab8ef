"""Configs with classes shared out among ranks, in tools that need all classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmgala.models.heads.sharded_head import ShardedClsHead
from mmgala.registry import MODEL_WRAPPERS, MODELS, find_class, is_subclass
from mmgala.utils.class_shares import is_shared_out

DEFAULT = 'MMDistributedDataParallel'  # MMEngine's, where a config has no wrapper
KNOW_NO_SHARES = ('mmengine', 'torch')  # packages whose wrappers copy or average them


def shares_classes(model: Mapping) -> bool:
    """Whether the config of a model shares out the classes of its head."""
    head: Any = model.get('head')
    if not isinstance(head, dict):
        return False
    return bool(head.get('shard_classes')) or _is_sharded_head(head)


def _is_sharded_head(head: Mapping) -> bool:
    """Whether the config of a head names the class that shares out its classes."""
    return is_subclass(head.get('type'), ShardedClsHead, MODELS)


def check_parallel(cfg: Config) -> None:
    """Check that a config shares out classes by the right wrapper, before it is built.

    PyTorch's error about weights of different shape would not name it.

    Raises:
        ValueError: with the line to add.
    """
    if (cfg.get('launcher') or 'none') == 'none':
        return
    if not shares_classes(cfg.get('model') or {}):
        return
    wrapper = (cfg.get('model_wrapper_cfg') or {}).get('type', DEFAULT)
    kind = find_class(wrapper, MODEL_WRAPPERS)
    if kind is not None and kind.__module__.partition('.')[0] in KNOW_NO_SHARES:
        raise ValueError(
            f'With shard_classes=True, the model wrapper {kind.__name__} would treat '
            'weights of different classes as copies of each other: set '
            "model_wrapper_cfg=dict(type='mmgala.ClassShardsDataParallel')."
        )


def keep_classes_together(model: ConfigDict) -> None:
    """Let a head have all classes, as one process does; its weights are the same.

    Args:
        model: config, changed in place.
    """
    if not shares_classes(model):
        return
    if _is_sharded_head(model.head):
        model.head.type = 'mmgala.GALAHead'
    model.head.pop('shard_classes', None)
    model.head.pop('negative_rate', None)  # of the training alone


def give_all_scores(
    model: ConfigDict, option: str, checkpoint: dict, path: str | Path, launcher: str
) -> None:
    """Keep classes together for an option that needs all scores of an image.

    Args:
        model: config, changed in place.
        option: flag that needs them.
        checkpoint: content of the file that will be loaded.
        path: the file, for the error message.
        launcher: ``'none'`` in a single process.

    Raises:
        ValueError: if there are several processes, or the file has shares.
    """
    if not shares_classes(model):
        return
    if launcher == 'none' and not is_shared_out(checkpoint):
        keep_classes_together(model)
        return
    file = 'it'
    if is_shared_out(checkpoint):
        file = f'the file that `mmgala merge {path} OUT.pth` writes'
    raise ValueError(
        f'{option} needs the scores of all classes, which no rank has with '
        f'shard_classes=True: test {file} in one process, without --launcher.'
    )
