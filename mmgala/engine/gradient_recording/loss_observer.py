"""The gradient that a loss sends back to its logits, sample by sample."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def check_width(logits: Tensor, num_classes: int) -> None:
    """Check that logits are of C classes and at most two columns of background.

    Raises:
        ValueError: if there are fewer columns, or more.
    """
    extra = logits.shape[1] - num_classes
    if not 0 <= extra <= 2:
        raise ValueError(
            f'The loss gets logits of {logits.shape[1]} columns, but the training set '
            f'has {num_classes} classes, which take as many columns and one or two of '
            'background: set num_classes of the head to that number.'
        )


def without_background(
    grad: Tensor, target: Tensor, scale: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Leave out samples of no class, and columns behind those of the classes.

    Before anything else is computed: of a dense head's anchors few are of a class.

    Args:
        grad: ``(N, K)`` with K of C to C + 2.
        target: class indices ``(N,)``, or soft labels ``(N, K)``.
        scale: of the gradients; a number, or ``(N, 1)`` or ``(N, K)``.
        num_classes: C.

    Returns:
        The three for the F samples of the foreground: ``(F, C)``; ``(F,)`` or
        ``(F, C)``; and a number, ``(F, 1)`` or ``(F, C)``.
    """
    if target.is_floating_point():
        target = target[:, :num_classes]
        of_class = target.sum(dim=1) > 0
    else:
        of_class = (target >= 0) & (target < num_classes)
    rows = torch.nonzero(of_class)[:, 0]
    if scale.ndim:
        scale = scale[rows, :num_classes]
    return grad[rows, :num_classes], target[rows], scale


class LossObserver:
    r"""Watch a loss module; whatever head calls it, and whatever it computes.

    A loss of OpenMMLab's form, ``loss(cls_score, target, ..., avg_factor=...)``, gives

    .. math::
        L = \frac{w}{a} \sum_i l_i, \qquad
        \frac{\partial l_i}{\partial z_{ij}} =
            \frac{a}{w \, s} \frac{\partial (s L)}{\partial z_{ij}}

    with its own ``loss_weight`` :math:`w` and normaliser :math:`a`: ``avg_factor``,
    which all of MMPretrain's heads give, or else the number of samples, of a mean; 1 of
    a sum. :math:`s` is all that happens
    to the loss afterwards: loss scaling of mixed precision, division by the steps of
    gradient accumulation, weights in a multi-task head. It needs no knowledge: it is
    the gradient that arrives at the loss's output. So what is received is the gradient
    of each sample's own loss, times the sample's weight where the loss got one.

    The logits are those that the loss is given: with the margin and scale of an
    ArcFace head, without the margins that a loss like GALA adds inside.

    Detection heads also show the loss background: samples whose label is C, and a
    logit or two behind those of the classes. With ``num_classes`` neither is received.
    Of a dictionary of losses, as MMDetection's ``SeesawLoss`` gives it,
    ``loss_cls_classes`` is looked at. A sample of weight 0 is received as of class -1.

    Args:
        module: the loss module.
        receive: called with ``(gradient (N, C), target)`` in each backward pass, once
            for each call of the module that took part in it.
        num_classes: C of a detection head; of others, ``None``.

    Raises:
        ValueError: if its ``forward`` does not name logits and target; during training,
            if the loss is not called with logits ``(N, C)``
            and a target, or gives no tensor.
    """

    def __init__(
        self,
        module: nn.Module,
        receive: Callable[[Tensor, Tensor], None],
        num_classes: int | None = None,
    ) -> None:
        self._receive = receive
        self._num_classes = num_classes
        self._signature = inspect.signature(module.forward)
        first = [p.kind for p in self._signature.parameters.values()][:2]
        if len(first) < 2 or not set(first) <= _NAMED:
            raise ValueError(
                f'Expected {type(module).__name__}.forward to name logits and target '
                'as its first two parameters: name another loss with '
                'GradientStatisticsHook(loss_module=...).'
            )
        self._handles = [
            module.register_forward_pre_hook(self._before, with_kwargs=True),
            module.register_forward_hook(self._after, with_kwargs=True),
        ]

    def remove(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()

    def _before(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        # A view of its own for each call: a gradient on the logits themselves would
        # also hold what comes from other uses of them.
        call = self._signature.bind(*args, **kwargs)
        name, logits = next(iter(call.arguments.items()))
        if not _is_trained(logits):
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
        if not _is_trained(logits):
            return
        if isinstance(output, dict):
            output = output.get('loss_cls_classes', output)
        target = _checked_target(module, logits, target, output)
        if self._num_classes is not None:
            check_width(logits, self._num_classes)
        if not output.requires_grad:
            return
        loss_weight = getattr(module, 'loss_weight', 1.0)
        if isinstance(loss_weight, (int, float)) and loss_weight == 0:
            return  # there is no gradient that could be seen
        factor = _normaliser(module, arguments, len(logits)) / loss_weight
        target = _without_ignored(arguments, target)
        arrived: list[Tensor] = []
        output.register_hook(lambda grad: arrived.append(grad))

        def pass_on(grad: Tensor) -> None:
            if arrived:  # else only another of several losses took part
                self._pass_on(grad, target, factor, arrived.pop())

        logits.register_hook(pass_on)

    def _pass_on(
        self, grad: Tensor, target: Tensor, factor: float | Tensor, scale: Tensor
    ) -> None:
        scale = scale.float()
        if scale.ndim == 1 and len(scale) == len(grad):  # an unreduced loss
            scale = scale[:, None]
        if self._num_classes is not None:
            grad, target, scale = without_background(
                grad, target, scale, self._num_classes
            )
        self._receive(grad.float() * (factor / scale), target)


_NAMED = {
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
}


def _is_trained(logits: Any) -> bool:
    return (
        isinstance(logits, Tensor) and logits.requires_grad and torch.is_grad_enabled()
    )


def _checked_target(
    module: nn.Module, logits: Tensor, target: Any, output: Any
) -> Tensor:
    """Class indices ``(N,)`` int64, or soft labels ``(N, C)`` floating."""
    name = type(module).__name__
    if isinstance(target, tuple) and target:  # QualityFocalLoss: labels and qualities
        target = target[0]
    if logits.ndim != 2 or not isinstance(target, Tensor):
        raise ValueError(
            f'Expected {name} to be called with logits (N, C) and a target, but got '
            f'shape {tuple(logits.shape)} and {type(target).__name__}: name another '
            'loss with GradientStatisticsHook(loss_module=...).'
        )
    if not isinstance(output, Tensor):
        raise ValueError(
            f'Expected {name} to give one tensor, but got {type(output).__name__}: '
            'name the loss inside it with GradientStatisticsHook(loss_module=...).'
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


def _without_ignored(arguments: dict[str, Any], target: Tensor) -> Tensor:
    """Class indices with -1 for each sample of weight 0."""
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
