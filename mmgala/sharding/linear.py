"""The classifier's share of a rank."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgala.sharding.shards import ClassShards

BLOCK = 1024  # classes whose initial weights are drawn from one seed


class ClassShardLinear(nn.Linear):
    """Weights and biases of a rank's classes, of a linear layer over all classes.

    The parameters are plain tensors ``(C / R, D)`` and ``(C / R,)``, as optimizers,
    gradient clipping and moving averages expect; :meth:`ClassShards.distributed` shows
    them as ``DTensor`` to ``torch.distributed.checkpoint``.

    Args:
        in_features: D, the width of the features.
        shards: shares of the classes.
        bias: whether there are biases.
    """

    def __init__(
        self, in_features: int, shards: ClassShards, bias: bool = True
    ) -> None:
        self.shards = shards
        super().__init__(in_features, shards.num_classes, bias, device='meta')
        self.out_features = shards.size
        self.weight = nn.Parameter(torch.empty(shards.size, in_features))
        if bias:
            self.bias = nn.Parameter(torch.zeros(shards.size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as ``nn.Linear`` does; biases start at 0."""
        self.draw_weights('uniform_', 1 / math.sqrt(self.in_features))

    @torch.no_grad()
    def draw_weights(self, distribution: str, scale: float) -> None:
        """Draw initial weights that do not depend on the number of ranks.

        Ranks usually start from the same seed, so each would draw the same numbers for
        its classes. Here every block of classes has a seed of its own.

        Args:
            distribution: ``'normal_'`` or ``'uniform_'``.
            scale: standard deviation, or largest absolute value.
        """
        if self.weight.is_meta:
            return
        seed = int(torch.randint(2**31, ()))
        arguments = (0.0, scale) if distribution == 'normal_' else (-scale, scale)
        first, end = self.shards.bounds()
        for start in range(first - first % BLOCK, end, BLOCK):
            generator = torch.Generator().manual_seed(seed + start // BLOCK)
            rows = torch.empty(BLOCK, self.in_features)
            getattr(rows, distribution)(*arguments, generator=generator)
            here = slice(max(start, first), min(start + BLOCK, end))
            self.weight[here.start - first : here.stop - first] = rows[
                here.start - start : here.stop - start
            ].to(self.weight)

    def forward(self, features: Tensor, columns: Tensor | None = None) -> Tensor:
        """Compute the logits of this rank's classes, or of some of them.

        Args:
            features: ``(N, D)``.
            columns: indices within this rank's share, ``(K,)``; by default all.

        Returns:
            ``(N, C / R)``, or ``(N, K)``.
        """
        if columns is None:
            return super().forward(features)
        bias = None if self.bias is None else self.bias[columns]
        return F.linear(features, self.weight[columns], bias)

    def extra_repr(self) -> str:
        """Arguments, for ``print(model)``."""
        first, end = self.shards.bounds()
        classes = f'classes {first} to {end - 1}' if end > first else 'no classes'
        return f'{super().extra_repr()}, {classes}'
