"""Whether the memory of the ranks suffices, before it is needed."""

import os

import torch

from mmgala.modules.memory import available_memory
from mmgala.sharding.cost import StepCost, check_memory
from mmgala.sharding.shards import ClassShards


def memory_of_rank(device: torch.device) -> float:
    """Bytes that are free for this process; infinite where it is unknown.

    On the CPU, the ranks of one machine share its memory.
    """
    free = available_memory(device)
    if free is None:
        return float('inf')
    ranks = int(os.environ.get('LOCAL_WORLD_SIZE', 1)) if device.type == 'cpu' else 1
    return free / ranks


def check_host_memory(num_classes: int, num_features: int, ranks: int) -> None:
    """Check that a rank's weights can be made, on the CPU, where they begin.

    Raises:
        ValueError: if they cannot; with the number of ranks that would be enough.
    """
    cost = StepCost(num_classes, num_features, 0, ranks)
    check_memory(cost, memory_of_rank(torch.device('cpu')), weights_alone=True)


def check_step_memory(
    cost: StepCost, shards: ClassShards, device: torch.device, held: int
) -> None:
    """Check that a step fits into the memory of each rank; all ranks call it.

    Args:
        cost: of a step.
        shards: shares of the classes.
        device: where the step is.
        held: bytes of the step that are allocated already.

    Raises:
        ValueError: on every rank, if it does not fit on one.
    """
    free = torch.tensor([memory_of_rank(device) + held], device=device)
    check_memory(cost, -float(shards.all_reduce(-free, 'max')))
