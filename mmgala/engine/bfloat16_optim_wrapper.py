"""Mixed precision with bfloat16, on CPUs and GPUs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from torch import nn

from mmgala.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward pass runs under bfloat16 autocast.

    bfloat16 has the exponent range of float32, so no loss scaling is needed. Weights,
    gradients and optimizer state stay float32. MMEngine's ``AmpOptimWrapper`` does not
    run without a GPU and always scales the loss. ``mmgala train --amp`` uses this
    wrapper on a CPU; on a GPU, set ``optim_wrapper.type`` to
    ``mmgala.BFloat16OptimWrapper``. Detectors also need
    :class:`mmgala.detection.Float32OperatorsHook`.

    On CPUs, PyTorch 2.11 computes undefined bfloat16 weight gradients for convolutions
    with stride 2 on feature maps of one pixel. This affects detectors with a feature
    pyramid on images smaller than about 130 pixels; train those in float32.

    Args:
        **kwargs: passed to :class:`mmengine.optim.OptimWrapper`, such as ``optimizer``,
            ``accumulative_counts`` or ``clip_grad``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enable autocast; skip gradient synchronization during accumulation.

        Args:
            model: the model to train, whose device is used for autocast.

        Raises:
            RuntimeError: if the GPU does not support bfloat16.
        """
        device = next(model.parameters()).device.type
        with super().optim_context(model), autocast(device, dtype=torch.bfloat16):
            yield
