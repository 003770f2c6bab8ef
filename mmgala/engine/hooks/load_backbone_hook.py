"""Start from another training's representation."""

from collections.abc import Iterable

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn

from mmgala.registry import HOOKS
from mmgala.utils.checkpoint import unwrap_model


@HOOKS.register_module()
class LoadBackboneHook(Hook):
    """Take the representation alone from ``load_from``, check it, and say so.

    The representation is the backbone, and a neck that has weights.

    For the second stage of decoupled training: the classifier starts anew. MMEngine
    by itself would take the classifier too, and only warn where the weights are those
    of another backbone. Testing and resuming load the whole checkpoint as ever.

    The checkpoint is one of a whole model (``backbone.conv1.weight``), or of a bare
    backbone that has the same names (``conv1.weight``, as torchvision's).

    Raises:
        ValueError: if the checkpoint has no backbone, or one of another shape, with
            more weights, or with fewer.
    """

    priority = 'VERY_HIGH'  # before hooks that look at what is loaded

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave what fits the backbone; everything else is not loaded."""
        # The loop is built by training alone: before, it is its config.
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
            f'Representation from {source}: took all {len(taken)} weights of '
            f'{" and ".join(f"{part}.*" for part in _parts(taken))}; left {len(left)} '
            f'({_some(left)}). The classifier starts anew.'
        )


def _representation(
    stored: dict[str, Tensor], model: nn.Module, source: str
) -> dict[str, Tensor]:
    """Weights under the names that they have in the whole model."""
    names = {_without_wrapper(key): value for key, value in stored.items()}
    expected = {k: v for k, v in model.state_dict().items() if _in_representation(k)}
    found = {k: v for k, v in names.items() if _in_representation(k)}
    if not found:  # a bare backbone, perhaps with a classifier on top
        modules = _parts(model.get_submodule('backbone').state_dict())
        bare = {k: v for k, v in names.items() if k.partition('.')[0] in modules}
        found = {f'backbone.{key}': value for key, value in bare.items()}
    if not found:
        raise ValueError(
            f'Checkpoint {source} has no weights of a backbone; it begins with '
            f'{next(iter(names), "nothing")}. Give load_from a classification model.'
        )
    for key, value in expected.items():
        if key in found and found[key].shape != value.shape:
            raise ValueError(
                f'Checkpoint {source} is of another backbone: {key} is '
                f'{tuple(found[key].shape)} there, {tuple(value.shape)} in the model.'
            )
    _check_names(expected, found, source)
    return found


def _check_names(expected: dict, found: dict, source: str) -> None:
    # A deeper network of the same family holds everything a shallower one has.
    missing = [key for key in expected if key not in found]
    # Which PyTorch counts since 0.4.1; it is not needed.
    missing = [key for key in missing if not key.endswith('.num_batches_tracked')]
    extra = [key for key in found if key not in expected]
    for keys, what in ((missing, 'lacks'), (extra, 'has more than the model:')):
        if keys:
            raise ValueError(
                f'Checkpoint {source} is of another backbone: it {what} {len(keys)} '
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
