"""Data parallelism for the backbone of a model whose head shares out the classes."""

from functools import partial
from typing import Any

from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from mmgala.models.heads.shard_state import sharded_heads
from mmgala.registry import MODEL_WRAPPERS
from mmgala.sharding import clip_gradient_norm


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
        """Train one step; ``clip_grad`` is by the norm over the classes of all ranks.

        Raises:
            ValueError: if the optimizer's wrapper scales the loss: each rank would look
                for overflows in its own classes, and backbones would differ.
        """
        self._clip_over_ranks(optim_wrapper)
        scaler = getattr(optim_wrapper, 'loss_scaler', None)
        if scaler is not None and scaler.is_enabled():
            raise ValueError(
                'With `shard_classes`, ranks would skip different steps when float16 '
                "overflows: set optim_wrapper.type to 'mmgala.BFloat16OptimWrapper'."
            )
        return super().train_step(data, optim_wrapper)

    def _clip_over_ranks(self, optim_wrapper: OptimWrapper) -> None:
        """Let the norm that gradients are clipped by be the same on every rank.

        Clipping each value (``type='value'``) needs no change.
        """
        if getattr(optim_wrapper, 'clip_func', None) is not clip_grad_norm_:
            return
        heads = sharded_heads(self.module).values()
        shares = [share for head in heads for _, share, _ in head.shard_tensors()]
        for head in heads:
            optim_wrapper.clip_func = partial(
                clip_gradient_norm, shares=shares, shards=head.shards
            )
