"""Sharpness-aware minimisation as an optimizer wrapper."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from torch import Tensor, nn

from mmgala.engine.repeated_pass import repeated_pass
from mmgala.functional.checks import check_choice, check_positive
from mmgala.registry import OPTIM_WRAPPERS
from mmgala.utils.checkpoint_fit import unwrap_model

DTYPES = {'float32': None, 'bfloat16': torch.bfloat16}
TINY = 1e-12  # keeps a gradient of 0 from a division by 0


@OPTIM_WRAPPERS.register_module()
class SAMOptimWrapper(OptimWrapper):
    r"""Sharpness-aware minimisation (Foret et al., ICLR 2021, arXiv 2010.01412).

    A step uses the gradient at the point where the loss is highest nearby, to first
    order:

    .. math::
        w \leftarrow w - \eta \, \nabla L(w + \epsilon), \qquad
        \epsilon = \rho \, \frac{\nabla L(w)}{\|\nabla L(w)\|}

    So each step has a second forward and backward pass on the same batch, and takes
    twice the time. It computes the same loss as the first, with the same class
    statistics: whatever a forward pass accumulates (statistics of BatchNorm and of
    losses) is that of the first. Losses with noise draw it again.

    It needs a model whose forward pass is called once per step.

    Args:
        rho: :math:`\rho`; 0.05 is the authors' choice.
        dtype: ``'bfloat16'`` runs both forward passes under autocast; the default
            is ``'float32'``.
        **kwargs: of ``OptimWrapper``: ``optimizer``, ``clip_grad`` and others, except
            ``accumulative_counts``.

    Raises:
        ValueError: if ``rho`` is not positive, the type is unknown, or gradients are to
            be accumulated.
    """

    def __init__(
        self, *args: Any, rho: float = 0.05, dtype: str = 'float32', **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        check_positive('rho', rho)
        check_choice('dtype', dtype, tuple(DTYPES))
        if self._accumulative_counts != 1:
            raise ValueError(
                'Expected `accumulative_counts` to be 1 with SAMOptimWrapper, but got '
                f'{self._accumulative_counts}: use a larger batch size.'
            )
        self.rho = rho
        self.dtype = dtype
        self._repeat: Callable[[], AbstractContextManager[Tensor]] | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Note what is called, to repeat it; enable autocast.

        Args:
            model: the model to train, whose device is used for autocast.
        """
        before = [buffer.clone() for buffer in model.buffers()]
        with ExitStack() as stack:
            stack.enter_context(super().optim_context(model))
            stack.enter_context(self._autocast(model))
            hook = model.register_forward_pre_hook(
                lambda module, args, kwargs: self._note(module, args, kwargs, before),
                with_kwargs=True,
            )
            stack.callback(hook.remove)
            yield

    def _autocast(self, model: nn.Module) -> Any:
        device = next(model.parameters()).device.type
        dtype = DTYPES[self.dtype]
        return autocast(device, dtype=dtype, enabled=dtype is not None)

    def _note(
        self, model: nn.Module, args: Any, kwargs: Any, before: list[Tensor]
    ) -> None:
        @contextmanager
        def repeat() -> Iterator[Tensor]:
            """Loss of the same batch, from and without effect on the buffers."""
            buffers = list(model.buffers())
            after = [buffer.clone() for buffer in buffers]
            _copy(buffers, before)
            with self._autocast(model), repeated_pass(model):
                losses = model(*args, **kwargs)
            inner: Any = unwrap_model(model)
            yield inner.parse_losses(losses)[0]
            _copy(buffers, after)  # not before the backward pass, which may use them

        self._repeat = repeat

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict | None = None,
        zero_kwargs: dict | None = None,
    ) -> None:
        """Step with the gradient at the perturbed weights.

        Args:
            loss: of the forward pass in :meth:`optim_context`.
            step_kwargs: arguments of the optimizer's ``step``.
            zero_kwargs: arguments of the optimizer's ``zero_grad``.
        """
        if self._repeat is None:
            raise RuntimeError(
                'SAMOptimWrapper repeats the forward pass of a step: run it within '
                '`optim_context`.'
            )
        repeat, self._repeat = self._repeat, None
        self.zero_grad(**(zero_kwargs or {}))
        loss.backward()
        weights = [
            weight
            for group in self.optimizer.param_groups
            for weight in group['params']
            if weight.grad is not None
        ]
        shifts = self._shifts(weights)
        kept = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            for weight, shift in zip(weights, shifts, strict=True):
                weight.add_(shift)
        self.zero_grad(**(zero_kwargs or {}))
        with repeat() as loss:
            super().backward(loss)  # counts the step
        _copy(weights, kept)
        self.step(**(step_kwargs or {}))
        self.zero_grad(**(zero_kwargs or {}))

    @torch.no_grad()
    def _shifts(self, weights: list[nn.Parameter]) -> list[Tensor]:
        grads = [w.grad for w in weights if w.grad is not None]
        norms = torch.stack([grad.float().norm() for grad in grads])
        factor = self.rho / (norms.norm() + TINY)
        return [grad * factor.to(grad.dtype) for grad in grads]


@torch.no_grad()
def _copy(into: Any, values: Any) -> None:
    for tensor, value in zip(into, values, strict=True):
        tensor.copy_(value)
