"""What ``--amp`` and ``--channels-last`` change in a config."""

from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.registry import OPTIM_WRAPPERS


def use_mixed_precision(cfg: Config) -> None:
    """Train in mixed precision: float16 with loss scaling, or bfloat16 on a CPU.

    A config that names mixed precision itself keeps it, where the device supports it.

    Args:
        cfg: config of one training, changed in place.

    Raises:
        ValueError: if the config names another optimizer wrapper, or on a CPU another
            type than bfloat16.
    """
    options = cfg.optim_wrapper
    kind = options.get('type', 'OptimWrapper')
    wrapper = OPTIM_WRAPPERS.get(kind) if isinstance(kind, str) else kind
    if wrapper is BFloat16OptimWrapper:
        return
    if wrapper not in (OptimWrapper, AmpOptimWrapper):
        raise ValueError(
            f'--amp: this config has an optimizer wrapper of its own, {kind}, which '
            '--amp would replace. Leave out --amp, or set '
            'optim_wrapper.type=OptimWrapper.'
        )
    if get_device() != 'cpu':
        options.type = 'AmpOptimWrapper'
        options.setdefault('loss_scale', 'dynamic')
        return
    if wrapper is AmpOptimWrapper:
        options.pop('loss_scale', None)  # bfloat16 needs none
    dtype = options.pop('dtype', None)
    if dtype is not None and str(dtype).removeprefix('torch.') != 'bfloat16':
        raise ValueError(
            f'--amp: this config sets optim_wrapper.dtype={dtype}, but mixed precision '
            'on a CPU is bfloat16. Leave out the dtype, or train on a GPU.'
        )
    options.type = 'mmgala.BFloat16OptimWrapper'


def use_channels_last(cfg: Config) -> None:
    """Train with weights in channels-last format; see the hook.

    Args:
        cfg: config of one training, changed in place.
    """
    add_hook(cfg, 'ChannelsLastHook')


def add_hook(cfg: Config, name: str) -> None:
    """Add a hook of this package to a config that does not have it yet.

    Args:
        cfg: changed in place.
        name: of the hook's class.
    """
    hooks = cfg.get('custom_hooks') or []
    if not any(_name(hook) == name for hook in hooks):
        cfg.custom_hooks = [*hooks, dict(type=f'mmgala.{name}')]


def _name(hook: Any) -> str:
    """Class name of an entry of ``custom_hooks``, however it is written."""
    kind = hook.get('type') if isinstance(hook, dict) else type(hook)
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
    return name.rpartition('.')[2]
