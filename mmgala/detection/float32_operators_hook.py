"""Hook that runs mmcv's operators in float32 under bfloat16 autocast."""

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
    """Run the compiled operators of a detector in float32 under bfloat16 autocast.

    mmcv compiles RoIAlign and NMS for float32, float64 and float16, but not for
    bfloat16. With this hook, backbone, neck and the layers of the heads still compute
    in bfloat16, while the inputs of RoI extractors and the outputs of heads are
    converted to float32. This also preserves box coordinates, as bfloat16 has 8
    significant bits and therefore steps of 4 near 1,000 pixels.

    ``--amp`` of ``mmgala train`` and ``mmgala test`` adds it on a CPU to configs
    with ``default_scope = 'mmdet'``. Deformable convolutions are not converted.
    """

    def __init__(self) -> None:
        self._handles: list[Any] = []

    def before_train(self, runner: Runner) -> None:
        """Start converting."""
        self._start(runner.model)

    def before_val(self, runner: Runner) -> None:
        """Start converting."""
        self._start(runner.model)

    def before_test(self, runner: Runner) -> None:
        """Start converting."""
        self._start(runner.model)

    def after_run(self, runner: Runner) -> None:
        """Stop converting."""
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
