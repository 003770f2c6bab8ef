"""Record the logit gradients that each class vector receives during training."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn


class GradientRecorder(Hook):
    """Sum the positive and negative logit gradients of each class.

    Works for any head with a ``loss_module(cls_score, target, avg_factor=N)`` whose
    targets are class indices. Gradients are per sample: the mean's 1 / N is undone.

    Attributes:
        positive: gradient that pulls class vector j towards its own samples, ``(C,)``.
        negative: gradient that pushes it from all others, ``(C,)``.
    """

    def __init__(self) -> None:
        self.positive = torch.zeros(0)
        self.negative = torch.zeros(0)

    def before_train(self, runner: Runner) -> None:
        head = runner.model.head
        self.positive = torch.zeros(head.num_classes)
        self.negative = torch.zeros(head.num_classes)
        head.loss_module.register_forward_pre_hook(self._observe)

    def _observe(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        cls_score, target = args[:2]
        if cls_score.requires_grad:
            cls_score.register_hook(lambda grad: self._add(grad * len(grad), target))

    def _add(self, grad: Tensor, target: Tensor) -> None:
        own = grad.gather(1, target[:, None]).squeeze(1)
        self.positive.index_add_(0, target, -own)
        self.negative += grad.sum(dim=0).index_add(0, target, -own)
