"""What ``--amp`` and ``--channels-last`` change in a config."""

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmgala.engine.bfloat16_optim_wrapper import BFloat16OptimWrapper
from mmgala.engine.custom_hooks import add_hook
from mmgala.engine.detection_options import is_detection
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
    if wrapper not in (OptimWrapper, AmpOptimWrapper, BFloat16OptimWrapper):
        raise ValueError(
            f'--amp: this config has an optimizer wrapper of its own, {kind}, which '
            '--amp would replace. Leave out --amp, or set '
            'optim_wrapper.type=OptimWrapper.'
        )
    if wrapper is not BFloat16OptimWrapper:
        if get_device() != 'cpu':
            options.type = 'AmpOptimWrapper'
            options.setdefault('loss_scale', 'dynamic')
            return
        _use_bfloat16(options, wrapper)
    if is_detection(cfg):
        add_hook(cfg, 'Float32OperatorsHook')


def use_mixed_precision_in_test(cfg: Config) -> None:
    """Test in mixed precision: float16, or bfloat16 on a CPU.

    Args:
        cfg: changed in place.
    """
    cfg.test_cfg.fp16 = True  # MMEngine's name for either
    if is_detection(cfg) and get_device() == 'cpu':
        add_hook(cfg, 'Float32OperatorsHook')


def use_channels_last(cfg: Config) -> None:
    """Train with weights in channels-last format; see the hook.

    Args:
        cfg: config of one training, changed in place.
    """
    add_hook(cfg, 'ChannelsLastHook')


def _use_bfloat16(options: ConfigDict, wrapper: type) -> None:
    if wrapper is AmpOptimWrapper:
        options.pop('loss_scale', None)  # bfloat16 needs none
    dtype = options.pop('dtype', None)
    if dtype is not None and str(dtype).removeprefix('torch.') != 'bfloat16':
        raise ValueError(
            f'--amp: this config sets optim_wrapper.dtype={dtype}, but mixed precision '
            'on a CPU is bfloat16. Leave out the dtype, or train on a GPU.'
        )
    options.type = 'mmgala.BFloat16OptimWrapper'
