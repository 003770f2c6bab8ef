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

    bfloat16 has the exponent range of float32, so the loss needs no scaling. Weights,
    gradients and the optimizer's state stay float32. MMEngine's ``AmpOptimWrapper``
    refuses to run without a GPU, and always scales the loss. ``tools/train.py --amp``
    takes this one on a CPU; on a GPU, set ``optim_wrapper.type`` to
    ``mmgala.BFloat16OptimWrapper``. A detector also needs
    :class:`mmgala.detection.Float32OperatorsHook`.

    On CPUs, PyTorch 2.11 leaves the bfloat16 weight gradient of a convolution with
    stride 2 over a map of one pixel undefined. Detectors with a feature pyramid meet
    this where images are smaller than about 130 pixels; train these in float32.

    Args:
        **kwargs: of :class:`mmengine.optim.OptimWrapper`: ``optimizer``,
            ``accumulative_counts`` and ``clip_grad``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no gradient synchronization while gradients accumulate.

        Args:
            model: the model that is trained; its device is the one to autocast on.

        Raises:
            RuntimeError: if the GPU does not support bfloat16.
        """
        device = next(model.parameters()).device.type
        with super().optim_context(model), autocast(device, dtype=torch.bfloat16):
            yield
