"""Data parallelism for the backbone of a model whose head shares out the classes."""

from typing import Any

from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmgala.models.heads.shard_state import sharded_heads
from mmgala.registry import MODEL_WRAPPERS


def keep_shares_apart(model: nn.Module) -> None:
    """Let ``DistributedDataParallel`` ignore what differs between the ranks.

    Call it before the model is wrapped. It uses the attribute that PyTorch reads for
    this purpose.
    """
    ignored = set(getattr(model, '_ddp_params_and_buffers_to_ignore', ()))
    for prefix, head in sharded_heads(model).items():
        ignored |= {prefix + name for name, _, _ in head.shard_tensors()}
        head.wrapped = True
    model._ddp_params_and_buffers_to_ignore = sorted(ignored)  # type: ignore[assignment]


@MODEL_WRAPPERS.register_module()
class ClassShardsDataParallel(MMDistributedDataParallel):
    """``MMDistributedDataParallel`` for ``GALAHead(shard_classes=True)``.

    The backbone is trained data-parallel; weights and statistics of the classes, which
    differ between the ranks, are neither broadcast nor averaged. In a config::

        model_wrapper_cfg = dict(type='mmgala.ClassShardsDataParallel')

    Args:
        module: the model.
        broadcast_buffers: as MMEngine's runner sets it by default.
        **kwargs: of ``MMDistributedDataParallel``.
    """

    def __init__(
        self, module: nn.Module, broadcast_buffers: bool = False, **kwargs: Any
    ) -> None:
        keep_shares_apart(module)
        device = next(module.parameters()).device
        if device.type == 'cpu':
            kwargs['device_ids'] = None  # the runner gives a number of a GPU
        super().__init__(module, broadcast_buffers=broadcast_buffers, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Train one step.

        Raises:
            ValueError: if the optimizer's wrapper clips gradients or scales the loss:
                each rank would do so by its own classes, and backbones would differ.
        """
        if getattr(optim_wrapper, 'clip_grad_kwargs', None):
            raise ValueError(
                'With `shard_classes`, ranks would clip gradients differently: remove '
                f'`clip_grad={optim_wrapper.clip_grad_kwargs}` from `optim_wrapper`.'
            )
        scaler = getattr(optim_wrapper, 'loss_scaler', None)
        if scaler is not None and scaler.is_enabled():
            raise ValueError(
                'With `shard_classes`, ranks would skip different steps when float16 '
                "overflows: set optim_wrapper.type to 'mmgala.BFloat16OptimWrapper'."
            )
        return super().train_step(data, optim_wrapper)
