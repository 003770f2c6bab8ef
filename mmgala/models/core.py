"""Registers losses and post-hoc steps, which need PyTorch alone, with OpenMMLab."""

from torch import nn

from mmgala import losses, post_hoc
from mmgala.registry import MODELS

# Classes to derive from; a config cannot name them.
BASES = (losses.ClassificationLoss, losses.ClassCountsLoss, post_hoc.PostHocStep)

for package in (losses, post_hoc):
    for name in package.__all__:
        kind = getattr(package, name)
        if isinstance(kind, type) and issubclass(kind, nn.Module) and kind not in BASES:
            MODELS.register_module(module=kind)

post_hoc.PostHocChain.build_step = staticmethod(MODELS.build)  # type: ignore[method-assign]
