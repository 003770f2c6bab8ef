"""Hook that starts a training from the backbone of another."""

from collections.abc import Iterable

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn

from mmgala.registry import HOOKS
from mmgala.utils.checkpoint_fit import unwrap_model


@HOOKS.register_module()
class LoadBackboneHook(Hook):
    """Load only the backbone, and the neck if it has weights, from ``load_from``.

    This is for the second stage of decoupled training, where the classifier is trained
    from scratch. Without the hook, MMEngine would load the classifier too, and would
    only warn about the weights of a different backbone. Testing and resuming load whole
    checkpoints as usual.

    The checkpoint may be that of a whole model (``backbone.conv1.weight``), or of a
    backbone alone with the same names (``conv1.weight``, as in torchvision).

    Raises:
        ValueError: if the checkpoint has no backbone, or a different one, by the names
            or shapes of its weights.
    """

    priority = 'VERY_HIGH'  # runs before hooks that inspect loaded checkpoints

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Reduce the checkpoint to the weights of backbone and neck."""
        # The training loop remains a config until training starts.
        training = isinstance(runner._train_loop, BaseLoop)
        starting = runner._load_from is not None and not runner._has_loaded
        if runner._resume or not (training and starting):
            return
        source = str(runner._load_from)
        stored = checkpoint.get('state_dict', checkpoint)
        taken = _representation(stored, unwrap_model(runner.model), source)
        values = {id(value) for value in taken.values()}
        left = sorted(key for key, value in stored.items() if id(value) not in values)
        checkpoint['state_dict'] = taken
        runner.logger.info(
            f'Loaded all {len(taken)} weights of '
            f'{" and ".join(f"{part}.*" for part in _parts(taken))} from {source}; '
            f'skipped {len(left)} ({_some(left)}). The classifier is trained from '
            'scratch.'
        )


def _representation(
    stored: dict[str, Tensor], model: nn.Module, source: str
) -> dict[str, Tensor]:
    """Weights of backbone and neck, by their names in the whole model."""
    names = {_without_wrapper(key): value for key, value in stored.items()}
    expected = {k: v for k, v in model.state_dict().items() if _in_representation(k)}
    found = {k: v for k, v in names.items() if _in_representation(k)}
    if not found:  # a backbone without prefix, possibly with a classifier
        modules = _parts(model.get_submodule('backbone').state_dict())
        bare = {k: v for k, v in names.items() if k.partition('.')[0] in modules}
        found = {f'backbone.{key}': value for key, value in bare.items()}
    if not found:
        raise ValueError(
            f'Checkpoint {source} has no backbone weights; its first weight is '
            f'{next(iter(names), "missing")}. Set load_from to a classification model.'
        )
    for key, value in expected.items():
        if key in found and found[key].shape != value.shape:
            raise ValueError(
                f'Checkpoint {source} has a different backbone: {key} has shape '
                f'{tuple(found[key].shape)}, but {tuple(value.shape)} in the model.'
            )
    _check_names(expected, found, source)
    return found


def _check_names(expected: dict, found: dict, source: str) -> None:
    # A deeper network of the same family has all weights of a shallower one.
    missing = [key for key in expected if key not in found]
    # PyTorch has this counter since 0.4.1; it is optional.
    missing = [key for key in missing if not key.endswith('.num_batches_tracked')]
    extra = [key for key in found if key not in expected]
    for keys, what in ((missing, 'lacks'), (extra, 'additionally has')):
        if keys:
            raise ValueError(
                f'Checkpoint {source} has a different backbone: it {what} {len(keys)} '
                f'weights ({_some(keys)}).'
            )


def _in_representation(key: str) -> bool:
    return key.startswith(('backbone.', 'neck.'))


def _parts(keys: Iterable[str]) -> list[str]:
    """First components of dotted names, in order."""
    return list(dict.fromkeys(key.partition('.')[0] for key in keys))


def _without_wrapper(key: str) -> str:
    return key.removeprefix('module.')


def _some(keys: list[str]) -> str:
    return ', '.join(keys[:2]) + (', ...' if len(keys) > 2 else '') or 'none'
