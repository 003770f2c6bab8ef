"""Per-sample gradients of a loss with respect to its logits."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmgala.engine.repeated_pass import is_repeated_pass

_CAN_BE_POSITIONAL = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


class LossObserver:
    r"""Observe the gradients of any loss module, called by any head.

    A loss in OpenMMLab's style, ``loss(cls_score, target, ..., avg_factor=...)``,
    computes

    .. math::
        L = \frac{w}{a} \sum_i l_i, \qquad
        \frac{\partial l_i}{\partial z_{ij}} =
            \frac{a}{w \, s} \frac{\partial (s L)}{\partial z_{ij}}

    with its ``loss_weight`` :math:`w` and normaliser :math:`a`. For a mean, :math:`a`
    is ``avg_factor``, which all heads of MMPretrain pass, or the number of samples; for
    a sum, it is 1. :math:`s` is the product of all later factors, such as the loss
    scale of mixed precision, gradient accumulation, or weights in a multi-task head. It
    does not have to be known, as it equals the gradient at the loss's output. The
    observed gradient is therefore that of each sample's loss, times its sample weight
    if there is one.

    A pass that repeats another of the same step, as SAM's second one, is not observed.

    Logits are those passed to the loss: including the margin and scale of an ArcFace
    head, but not the margins that a loss such as GALA adds to them.

    Detection heads also pass background: samples with label C, and one or two logits
    after those of the classes. With ``num_classes``, both are dropped. If a loss
    returns a dictionary, as MMDetection's ``SeesawLoss`` does, ``loss_cls_classes`` is
    observed. Samples with weight 0 get target -1.

    Args:
        module: the loss module.
        receive: function called with the gradient, ``(N, C)`` float32, and the target
            in each backward pass, once per call of the module that contributed to it.
        num_classes: number of classes C for detection heads, otherwise ``None``.

    Attributes:
        padding (tuple[int, int]): number of samples at the end of the coming batch that
            are not to be observed, and size of that batch.

    Raises:
        ValueError: if the first two parameters of the module's ``forward`` cannot be
            logits and target; during training, if the loss is not called with logits
            ``(N, C)`` and a target, or does not return a tensor.
    """

    def __init__(
        self,
        module: nn.Module,
        receive: Callable[[Tensor, Tensor], None],
        num_classes: int | None = None,
    ) -> None:
        self._receive = receive
        self._num_classes = num_classes
        self.padding = (0, 0)
        self._signature = inspect.signature(module.forward)
        first = [p.kind for p in self._signature.parameters.values()][:2]
        if len(first) < 2 or not set(first) <= _CAN_BE_POSITIONAL:
            raise ValueError(
                f'Expected logits and target as the first two parameters of '
                f'{type(module).__name__}.forward: choose another loss with '
                'GradientStatisticsHook(loss_module=...).'
            )
        self._handles = [
            module.register_forward_pre_hook(self._before, with_kwargs=True),
            module.register_forward_hook(self._after, with_kwargs=True),
        ]

    def remove(self) -> None:
        """Stop observing."""
        for handle in self._handles:
            handle.remove()

    def _before(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # Each call gets its own view of the logits, as their gradient would also
        # include that of other uses.
        call = self._signature.bind(*args, **kwargs)
        name, logits = next(iter(call.arguments.items()))
        if not _needs_gradient(logits):
            return None
        call.arguments[name] = logits.view_as(logits)
        return call.args, call.kwargs

    def _after(
        self,
        module: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Any,
    ) -> None:
        arguments = self._signature.bind(*args, **kwargs).arguments
        logits, target = [*arguments.values(), None][:2]
        if not _needs_gradient(logits):
            return
        if isinstance(output, dict):
            output = output.get('loss_cls_classes', output)
        target = _checked_target(module, logits, target, output)
        if self._num_classes is not None:
            _check_num_columns(logits, self._num_classes)
        if not output.requires_grad:
            return
        loss_weight = getattr(module, 'loss_weight', 1.0)
        if isinstance(loss_weight, (int, float)) and loss_weight == 0:
            return  # the gradient is zero, and cannot be divided by the weight
        factor = _normaliser(module, arguments, len(logits)) / loss_weight
        target = _mark_ignored(arguments, target)
        padding, size = self.padding
        kept = len(logits) - (padding if len(logits) == size else 0)
        arrived: list[Tensor] = []
        output.register_hook(lambda grad: arrived.append(grad))

        def on_gradient(grad: Tensor) -> None:
            if arrived:  # otherwise, only other losses contributed
                scale = arrived.pop()
                if kept < len(grad):
                    scale = scale[:kept] if scale.ndim else scale
                    grad = grad[:kept]
                self._receive_gradient(grad, target[:kept], factor, scale)

        logits.register_hook(on_gradient)

    def _receive_gradient(
        self, grad: Tensor, target: Tensor, factor: float | Tensor, scale: Tensor
    ) -> None:
        scale = scale.float()
        if scale.ndim == 1 and len(scale) == len(grad):  # an unreduced loss
            scale = scale[:, None]
        if self._num_classes is not None:
            grad, target, scale = _drop_background(
                grad, target, scale, self._num_classes
            )
        self._receive(grad.float() * (factor / scale), target)


def _needs_gradient(logits: Any) -> bool:
    if is_repeated_pass() or not isinstance(logits, Tensor):
        return False
    return logits.requires_grad and torch.is_grad_enabled()


def _checked_target(
    module: nn.Module, logits: Tensor, target: Any, output: Any
) -> Tensor:
    """Return class indices ``(N,)`` int64, or soft labels ``(N, C)`` float32."""
    name = type(module).__name__
    if isinstance(target, tuple) and target:  # labels and qualities, QualityFocalLoss
        target = target[0]
    if logits.ndim != 2 or not isinstance(target, Tensor):
        raise ValueError(
            f'Expected {name} to be called with logits (N, C) and a target, but got '
            f'shape {tuple(logits.shape)} and {type(target).__name__}: choose another '
            'loss with GradientStatisticsHook(loss_module=...).'
        )
    if not isinstance(output, Tensor):
        raise ValueError(
            f'Expected {name} to return a tensor, but got {type(output).__name__}: '
            'choose the loss inside it with GradientStatisticsHook(loss_module=...).'
        )
    if target.shape == logits.shape:
        return target.float()
    if target.numel() == len(logits) and not target.is_floating_point():
        return target.flatten().long()
    raise ValueError(
        f'Expected the target of {name} to be class indices (N,) or soft labels '
        f'(N, C) for logits of shape {tuple(logits.shape)}, but got '
        f'{tuple(target.shape)} of {target.dtype}.'
    )


def _mark_ignored(arguments: dict[str, Any], target: Tensor) -> Tensor:
    """Replace the class indices of samples with weight 0 by -1."""
    weight = arguments.get('weight', arguments.get('label_weights'))
    if target.is_floating_point() or not isinstance(weight, Tensor):
        return target
    if weight.numel() != len(target):
        return target
    return target.masked_fill(weight.flatten() == 0, -1)


def _normaliser(
    module: nn.Module, arguments: dict[str, Any], num_samples: int
) -> float | Tensor:
    reduction = arguments.get('reduction_override')
    reduction = reduction or getattr(module, 'reduction', 'mean')
    if reduction != 'mean':
        return 1.0
    avg_factor = arguments.get('avg_factor')
    return float(num_samples) if avg_factor is None else avg_factor


def _check_num_columns(logits: Tensor, num_classes: int) -> None:
    """Check that logits have C columns, and up to two more for background."""
    extra = logits.shape[1] - num_classes
    if not 0 <= extra <= 2:
        raise ValueError(
            f'Expected logits of {num_classes} columns, the number of classes in the '
            'training set, and up to two for background, but the loss got '
            f'{logits.shape[1]}: set num_classes of the head to {num_classes}.'
        )


def _drop_background(
    grad: Tensor, target: Tensor, scale: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Drop background samples and background columns.

    This comes before further computation, as most anchors of a dense head are
    background.

    Args:
        grad: ``(N, K)`` gradients, with K from C to C + 2.
        target: ``(N,)`` class indices, or ``(N, K)`` soft labels.
        scale: scale of the gradients: a scalar, ``(N, 1)`` or ``(N, K)``.
        num_classes: number of classes C.

    Returns:
        The arguments restricted to the F foreground samples and C classes: gradients
        ``(F, C)``; targets ``(F,)`` or ``(F, C)``; scale as a scalar, ``(F, 1)`` or
        ``(F, C)``.
    """
    if target.is_floating_point():
        target = target[:, :num_classes]
        is_foreground = target.sum(dim=1) > 0
    else:
        is_foreground = (target >= 0) & (target < num_classes)
    rows = torch.nonzero(is_foreground)[:, 0]
    if scale.ndim:
        scale = scale[rows, :num_classes]
    return grad[rows, :num_classes], target[rows], scale
