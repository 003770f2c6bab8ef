"""Let detectors run under bfloat16, which mmcv's operators do not know."""

from typing import Any

import torch
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.dense_heads.base_mask_head import BaseMaskHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import BaseRoIExtractor
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch import Tensor, nn

from mmgala.registry import HOOKS

HEADS = (BaseDenseHead, BaseMaskHead, BBoxHead, FCNMaskHead)


@HOOKS.register_module()
class Float32OperatorsHook(Hook):
    """Give float32 to the compiled operators of a detector in mixed precision.

    mmcv compiles RoIAlign and NMS for float32, float64 and float16, not for bfloat16.
    Backbone, neck and the layers of the heads still compute in bfloat16; what the RoI
    extractors get and what the heads predict is converted to float32. That also keeps
    the corners of regions exact: bfloat16 has 8 bits, so that at 1,000 pixels it counts
    in steps of 4.

    ``--amp`` of ``tools/train.py`` and ``tools/test.py`` adds it to configs of
    MMDetection's scope on a CPU. Deformable convolutions are not converted.
    """

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Start to convert."""
        self._start(runner.model)

    def before_val(self, runner: Runner) -> None:
        """Start to convert."""
        self._start(runner.model)

    def before_test(self, runner: Runner) -> None:
        """Start to convert."""
        self._start(runner.model)

    def after_run(self, runner: Runner) -> None:
        """Convert no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _start(self, model: nn.Module) -> None:
        if self._handles:
            return
        for module in model.modules():
            if isinstance(module, BaseRoIExtractor):
                handle = module.register_forward_pre_hook(_convert_inputs)
            elif isinstance(module, HEADS):
                handle = module.register_forward_hook(_convert_outputs)
            else:
                continue
            self._handles.append(handle)


def _convert_inputs(module: nn.Module, inputs: tuple) -> tuple:
    return _to_float32(inputs)


def _convert_outputs(module: nn.Module, inputs: tuple, outputs: Any) -> Any:
    return _to_float32(outputs)


def _to_float32(values: Any) -> Any:
    """Convert the bfloat16 tensors in tuples, lists and dicts."""
    return apply_to(values, _is_bfloat16, Tensor.float)


def _is_bfloat16(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16
