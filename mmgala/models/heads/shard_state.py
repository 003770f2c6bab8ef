"""State of a head that is different on every rank."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from mmgala.sharding import ClassShards
from mmgala.utils.class_shares import SHARED_OUT


class ShardStateMixin(nn.Module):
    """Keeps what is of one rank alone out of what MMEngine takes to be of all.

    With several ranks, ``state_dict`` leaves the shares out: MMEngine broadcasts it
    after initialisation, and writes that of rank 0 as the checkpoint. The hook
    :class:`mmgala.engine.ClassShardsHook` saves and loads the shares. Whole tensors of
    an unsharded head can be loaded; each rank takes its share.

    Attributes:
        wrapped: whether gradients and weights of the shares are kept out of
            ``DistributedDataParallel``.
        saved_by_hook: whether a hook saves the shares.
        optimizer_states: tensors that the optimizer keeps for each parameter.
        optimizer_bytes: bytes of these that exist before the first step.
    """

    shards: ClassShards
    fc: nn.Module

    def start_shard_state(self, statistics: dict[str, int]) -> None:
        """Note which tensors are shared out.

        Args:
            statistics: names of buffers of the loss, and the dimension of the classes.
        """
        self.wrapped = self.saved_by_hook = False
        self.optimizer_states, self.optimizer_bytes = 1, 0
        self._dims = {f'loss_module.{name}': dim for name, dim in statistics.items()}
        self._dims |= {f'fc.{name}': 0 for name, _ in self.fc.named_parameters()}
        self.register_state_dict_post_hook(_leave_out_shares)

    def shard_tensors(self) -> Iterator[tuple[str, Tensor, int]]:
        """Name, this rank's share and dimension of the classes, of what is shared."""
        own = dict(self.named_parameters()) | dict(self.named_buffers())
        for name, dim in self._dims.items():
            yield name, own[name], dim

    def check_setup(self, with_runner: bool) -> None:
        """Check that wrapper and hook are there.

        Args:
            with_runner: whether MMEngine's runner is training.

        Raises:
            ValueError: if one is missing.
        """
        if self.shards.ranks > 1 and not self.wrapped:
            raise ValueError(
                'With `shard_classes`, DistributedDataParallel would average the '
                "weights of different classes: add model_wrapper_cfg=dict(type='mmgala."
                "ClassShardsDataParallel') to the config."
            )
        if self.shards.ranks > 1 and with_runner and not self.saved_by_hook:
            raise ValueError(
                'With `shard_classes`, checkpoints of MMEngine would lack the classes '
                "of all ranks: add custom_hooks=[dict(type='mmgala.ClassShardsHook')]."
            )

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        shared_out = state_dict.pop(prefix + SHARED_OUT, None) is not None
        if shared_out and prefix + 'fc.weight' not in state_dict:
            raise ValueError(
                'The weights of the classes are in the folder .shards beside the '
                'checkpoint, and nothing has read them: add '
                "custom_hooks=[dict(type='mmgala.ClassShardsHook')]."
            )
        if not shared_out:
            for name, own, dim in self.shard_tensors():
                self._take_share(state_dict, prefix + name, own, dim, args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _take_share(
        self, state_dict: dict, name: str, own: Tensor, dim: int, errors: list[str]
    ) -> None:
        """Cut a stored tensor of all classes, or note that it has other ones.

        Its size must be that of all classes: half as many classes would have the size
        of a share of two ranks.
        """
        stored = state_dict.get(name)
        if stored is None:
            return
        whole = list(own.shape)
        whole[dim] = self.shards.num_classes
        if list(stored.shape) == whole:
            state_dict[name] = self.shards.take(stored, dim)
        elif stored.shape == own.shape:
            del state_dict[name]
            errors.append(
                f'size mismatch for {name}: the checkpoint has {tuple(stored.shape)}, '
                f'and the model, on all ranks, {tuple(whole)}.'
            )


def _leave_out_shares(
    head: ShardStateMixin, state_dict: dict, prefix: str, metadata: Any
) -> None:
    if head.shards.ranks > 1:
        for name, _, _ in head.shard_tensors():
            state_dict.pop(prefix + name, None)


def sharded_heads(model: nn.Module) -> dict[str, ShardStateMixin]:
    """Heads of a model whose classes are shared out, by the prefix of their names."""
    return {
        f'{name}.' if name else '': module
        for name, module in model.named_modules()
        if isinstance(module, ShardStateMixin)
    }
