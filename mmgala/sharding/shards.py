"""Which rank holds which classes, and sums over the ranks."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed._functional_collectives as collectives
from torch import Tensor
from torch.distributed import group as groups
from torch.distributed.device_mesh import init_device_mesh

from mmgala.functional.checks import check_whole
from mmgala.modules.ranks import rank, world_size
from mmgala.sharding.dtensor import DTensor, Shard


@dataclass(frozen=True)
class ClassShards:
    """Consecutive classes of each rank of the default process group.

    The shares are those of ``DTensor``'s ``Shard``: every rank has
    ``ceil(num_classes / ranks)`` classes, except that the last ranks may have fewer, or
    none.

    Args:
        num_classes: C, the number of classes of all ranks.
        ranks: R, the number of ranks.
        rank: this one.

    Raises:
        ValueError: if there is no class, or there are more ranks than classes.

    Examples:
        >>> ClassShards(10, ranks=4, rank=3).bounds()
        (9, 10)
    """

    num_classes: int
    ranks: int = 1
    rank: int = 0

    def __post_init__(self) -> None:
        check_whole('num_classes', self.num_classes)
        if self.ranks > self.num_classes:
            raise ValueError(
                f'{self.ranks} ranks cannot share {self.num_classes} classes: use at '
                f'most {self.num_classes} ranks, or a head without `shard_classes`.'
            )

    @classmethod
    def here(cls, num_classes: int) -> 'ClassShards':
        """Shares of the ranks of this process's group; one share without a group."""
        return cls(num_classes, world_size(), rank())

    @property
    def first(self) -> int:
        """Index of the first class of this rank."""
        return self.bounds()[0]

    @property
    def size(self) -> int:
        """Number of classes of this rank."""
        first, end = self.bounds()
        return end - first

    def bounds(self, rank: int | None = None) -> tuple[int, int]:
        """Index of the first class of a rank, and of the first one after its last."""
        rank = self.rank if rank is None else rank
        share = -(-self.num_classes // self.ranks)
        first = min(rank * share, self.num_classes)
        return first, min(first + share, self.num_classes)

    def take(self, values: Tensor, dim: int = 0) -> Tensor:
        """This rank's share, a view, of values of all classes."""
        return values.narrow(dim, self.first, self.size)

    def own(self, label: Tensor) -> tuple[Tensor, Tensor]:
        """Which labels are classes of this rank, and their index in its share.

        Args:
            label: class indices ``(N,)``.

        Returns:
            Boolean ``(N,)``, and index ``(N,)``: 0 for labels of other ranks.
        """
        index = label.long() - self.first
        mine = (index >= 0) & (index < self.size)
        return mine, torch.where(mine, index, 0)

    def all_reduce(self, values: Tensor, operation: str = 'sum') -> Tensor:
        """Reduce values over the ranks: ``'sum'`` or ``'max'``; without gradient."""
        if self.ranks == 1:
            return values
        return collectives.wait_tensor(
            collectives.all_reduce(values.contiguous(), operation, _everyone())
        )

    def all_gather(self, values: Tensor) -> Tensor:
        """Rows ``(n, ...)`` of all ranks, ``(R n, ...)``; without gradient."""
        if self.ranks == 1:
            return values
        return collectives.wait_tensor(
            collectives.all_gather_tensor(values.contiguous(), 0, _everyone())
        )

    def reduce_scatter(self, values: Tensor) -> Tensor:
        """This rank's rows of the sum over the ranks; without gradient."""
        if self.ranks == 1:
            return values
        return collectives.wait_tensor(
            collectives.reduce_scatter_tensor(
                values.contiguous(), 'sum', 0, _everyone()
            )
        )

    def distributed(self, values: Tensor, dim: int = 0) -> Tensor:
        """View this rank's share as a ``DTensor`` over all classes.

        Without a process group, the share is everything, and stays a plain tensor.

        Args:
            values: with ``size`` entries along ``dim``.
            dim: dimension of the classes.
        """
        if self.ranks == 1:
            return values
        shape = list(values.shape)
        shape[dim] = self.num_classes
        whole = torch.empty(shape, device='meta')
        return DTensor.from_local(
            values.contiguous(),
            init_device_mesh(values.device.type, (self.ranks,)),
            [Shard(dim)],
            run_check=False,
            shape=whole.shape,
            stride=whole.stride(),
        )


def _everyone() -> Any:
    """The default process group."""
    return groups.WORLD
