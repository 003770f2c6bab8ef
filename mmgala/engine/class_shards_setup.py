"""What cannot train a head that has some of the classes on each rank."""

from collections.abc import Iterable
from typing import Any

from mmengine.hooks import EMAHook, Hook
from torch import Tensor
from torch.optim import Optimizer

from mmgala.engine.sam_optim_wrapper import SAMOptimWrapper
from mmgala.models.heads.shard_state import ShardStateMixin

# Optimizers whose step depends on more than a value and its own gradient.
NOT_BY_VALUE = ('LARS', 'LAMB', 'Adafactor', 'Muon', 'Shampoo', 'LBFGS')


def check_hooks(hooks: Iterable[Hook]) -> None:
    """Refuse moving averages of the weights.

    Raises:
        ValueError: with the hook to remove.
    """
    for hook in hooks:
        if isinstance(hook, EMAHook):
            raise ValueError(
                'With `shard_classes`, moving averages of weights cannot be saved: '
                f'remove {type(hook).__name__} from `custom_hooks`.'
            )


def note_optimizer(head: ShardStateMixin, optim_wrapper: Any) -> None:
    """Check that an optimizer can train shares, and tell the head what memory it needs.

    Args:
        head: whose classes are shared out.
        optim_wrapper: of MMEngine.

    Raises:
        ValueError: if its step would be another one with fewer classes.
    """
    optimizer: Optimizer = optim_wrapper.optimizer
    names = [kind.__name__ for kind in type(optimizer).__mro__]
    known = {name.lower() for name in NOT_BY_VALUE}
    if head.shards.ranks > 1 and known & {name.lower() for name in names}:
        raise ValueError(
            f'With `shard_classes`, {names[0]} would compute norms over some of the '
            'classes: set optim_wrapper.optimizer.type to SGD or AdamW.'
        )
    if head.shards.ranks > 1 and isinstance(optim_wrapper, SAMOptimWrapper):
        raise ValueError(
            'With `shard_classes`, SAMOptimWrapper would take the norm of other '
            "gradients on each rank: set optim_wrapper.type to 'OptimWrapper'."
        )
    head.optimizer_states = states_per_parameter(optimizer)
    shares = [share for _, share, _ in head.shard_tensors()]
    head.optimizer_bytes = sum(
        value.nbytes
        for share in shares
        for value in optimizer.state.get(share, {}).values()
        if isinstance(value, Tensor)
    )


def states_per_parameter(optimizer: Optimizer) -> int:
    """How many tensors of its size an optimizer keeps for each parameter."""
    options = optimizer.defaults
    if 'betas' in options:
        return 3 if options.get('amsgrad') else 2
    return 1 if options.get('momentum') else 0
