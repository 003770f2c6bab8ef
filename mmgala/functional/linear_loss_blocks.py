r"""Linear layer and cross-entropy in one, in blocks: the logits are never all there.

The forward pass goes over blocks of classes, and keeps the maximum and the sum of
exponentials of each row. The backward pass computes the logits of each block again and
turns them into their gradient in place, so that nothing of size ``(N, C)`` is stored.
Where all logits fit into one block, they are kept, and nothing is computed twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MAX_ROWS = 8192  # with more samples at once, a block would hold too few classes
BLOCK_BYTES = 64 * 2**20
# Several passes over a block are faster on a CPU while it stays in the cache.
CPU_BLOCK_BYTES = 8 * 2**20


def accumulation_type(dtype: torch.dtype) -> torch.dtype:
    """Type of logits, sums and losses: float32, or wider if the input is."""
    return torch.promote_types(dtype, torch.float32)


@dataclass(frozen=True)
class Blocks:
    """How the ``(N, C)`` logits are cut.

    Attributes:
        num_samples: N.
        num_classes: C.
        rows: samples of a block.
        columns: classes of a block.
    """

    num_samples: int
    num_classes: int
    rows: int
    columns: int

    @property
    def single(self) -> bool:
        """Whether one block holds everything."""
        return self.rows >= self.num_samples and self.columns >= self.num_classes

    def classes(self) -> Iterator[slice]:
        """Ranges of classes."""
        return _ranges(self.num_classes, self.columns)

    def samples(self) -> Iterator[slice]:
        """Ranges of samples."""
        return _ranges(self.num_samples, self.rows)


def _ranges(size: int, step: int) -> Iterator[slice]:
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))


def plan_blocks(
    features: Tensor, weight: Tensor, dtype: torch.dtype, block_bytes: int | None
) -> Blocks:
    """Choose the size of the blocks.

    Args:
        features: ``(N, D)``.
        weight: ``(C, D)``.
        dtype: type of the matrix products.
        block_bytes: memory for the logits of a block. Defaults to 64 MiB; what does not
            fit into it is cut into parts of 8 MiB on a CPU.

    Returns:
        The blocks. In half precision, the converted weights of a block and their
        gradient need as much memory as its logits at most.
    """
    num_samples, num_classes = len(features), len(weight)
    itemsize = torch.finfo(accumulation_type(dtype)).bits // 8
    limit = BLOCK_BYTES if block_bytes is None else block_bytes
    if block_bytes is None and features.device.type == 'cpu':
        fits = num_samples * num_classes * itemsize <= limit
        limit = limit if fits else CPU_BLOCK_BYTES
    rows = max(1, min(num_samples, MAX_ROWS, limit // itemsize))
    columns = limit // (itemsize * rows)
    if dtype != weight.dtype or dtype != accumulation_type(dtype):
        columns = min(columns, limit // (itemsize * max(1, weight.shape[1])))
    return Blocks(num_samples, num_classes, rows, max(1, min(columns, num_classes)))


@dataclass
class LinearLogits:
    """Adjusted logits of a linear layer, one block at a time.

    Attributes:
        features: ``(N, D)``, in the type of the matrix products.
        weight: ``(C, D)``, in any floating type.
        offset: ``(C,)``, added to every logit, in the type of accumulation.
        target: class indices ``(N,)`` or soft labels ``(N, C)``.
        margin: ``(C,)`` added to the label's logit, in the type of accumulation.
        blocks: how to cut.
    """

    features: Tensor
    weight: Tensor
    offset: Tensor
    target: Tensor
    margin: Tensor | None
    blocks: Blocks

    def __post_init__(self) -> None:
        self.soft = self.target.is_floating_point()
        self.half = self.features.dtype != self.offset.dtype
        size = self.blocks.rows * self.blocks.columns
        # One buffer for all blocks: new memory for each would be slower than the math.
        self._buffer = self.offset.new_empty(size)

    def weights(self, classes: slice) -> Tensor:
        """Weights of some classes in the type of the matrix products."""
        return self.weight[classes].to(self.features.dtype)

    def block(self, samples: slice, classes: slice, weights: Tensor) -> Tensor:
        """Adjusted logits of a block, valid until the next one is computed."""
        features, offset = self.features[samples], self.offset[classes]
        shape = len(features), len(offset)
        logits = self._buffer[: shape[0] * shape[1]].view(shape)
        if self.half:
            torch.add(features @ weights.t(), offset, out=logits)
        else:
            torch.addmm(offset, features, weights.t(), out=logits)
        if self.margin is None:
            return logits
        if self.soft:
            labels = self.target[samples, classes].to(logits.dtype)
            return logits.addcmul_(labels, self.margin[classes])
        return self.add_at_label(logits, self.margin[self.target[samples]], samples,
                                 classes)  # fmt: skip

    def add_at_label(
        self, block: Tensor, values: Tensor, samples: slice, classes: slice
    ) -> Tensor:
        """Add one value per sample, in place, to the label's column if it is here."""
        column, here = self._columns(samples, classes)
        return block.scatter_add_(1, column, torch.where(here, values[:, None], 0.0))

    def at_label(self, block: Tensor, samples: slice, classes: slice) -> Tensor:
        """The label's logit of each sample, or 0 where it is in another block."""
        if self.soft:
            return (block * self.target[samples, classes]).sum(dim=1)
        column, here = self._columns(samples, classes)
        return torch.where(here, block.gather(1, column), 0.0)[:, 0]

    def _columns(self, samples: slice, classes: slice) -> tuple[Tensor, Tensor]:
        column = self.target[samples, None] - classes.start
        width = classes.stop - classes.start
        return column.clamp(0, width - 1), (column >= 0) & (column < width)

    def label_mass(self) -> Tensor | float:
        """Sum of the labels of each sample: 1 for class indices."""
        return self.target.sum(dim=1, dtype=self.offset.dtype) if self.soft else 1.0


def log_sum_exp(logits: LinearLogits) -> tuple[Tensor, Tensor, Tensor]:
    """Go over all blocks.

    Returns:
        log-sum-exp of each row; the label's logit; the last block, with the
        exponentials of its logits less the maximum. ``(N,)``, ``(N,)`` and its shape.
    """
    blocks, offset = logits.blocks, logits.offset
    lowest = torch.finfo(offset.dtype).min  # not -inf, whose differences are NaN
    maximum = offset.new_full((blocks.num_samples,), lowest)
    total, at_label = torch.zeros_like(maximum), torch.zeros_like(maximum)
    block = offset.new_empty((0, blocks.num_classes))
    for classes in blocks.classes():
        weights = logits.weights(classes)
        for samples in blocks.samples():
            block = logits.block(samples, classes, weights)
            at_label[samples] += logits.at_label(block, samples, classes)
            before = maximum[samples]
            highest = torch.maximum(before, block.amax(dim=1))
            added = block.sub_(highest[:, None]).exp_().sum(dim=1)
            total[samples] = total[samples] * (before - highest).exp_() + added
            maximum[samples] = highest
    return total.log_().add_(maximum), at_label, block


class Gradients:
    """Gradients of a sum of losses by features, weights and offset.

    Args:
        logits: the layer.
        grad_loss: factor of each sample's loss, ``(N,)``.
        needed: which of the three to compute.
    """

    def __init__(
        self, logits: LinearLogits, grad_loss: Tensor, needed: tuple[bool, ...]
    ) -> None:
        self.logits, self.grad_loss = logits, grad_loss
        features, weight, offset = logits.features, logits.weight, logits.offset
        self.features = offset.new_zeros(features.shape) if needed[0] else None
        # The first block of samples is written, others are added; there may be none.
        new = torch.empty_like if len(features) else torch.zeros_like
        self.weight = new(weight) if needed[1] else None
        self.offset = torch.zeros_like(offset) if needed[2] else None
        self._mass = logits.label_mass()

    def compute(self, log_sum: Tensor) -> None:
        """Compute the logits of each block again, and add what follows from them."""
        blocks = self.logits.blocks
        factor = self.grad_loss * self._mass
        for classes in blocks.classes():
            weights = self.logits.weights(classes)
            for samples in blocks.samples():
                block = self.logits.block(samples, classes, weights)
                block.sub_(log_sum[samples, None]).exp_()
                self.add(block.mul_(factor[samples, None]), samples, classes, weights)

    def add(
        self, block: Tensor, samples: slice, classes: slice, weights: Tensor
    ) -> None:
        """Add a block of probabilities that are scaled by the factors of the losses."""
        logits, grad_loss = self.logits, self.grad_loss[samples]
        if logits.soft:
            labels = logits.target[samples, classes].to(block.dtype)
            block.addcmul_(labels, grad_loss[:, None], value=-1)
        else:
            logits.add_at_label(block, -grad_loss, samples, classes)
        if self.offset is not None:
            self.offset[classes] += block.sum(dim=0)
        block = block.to(weights.dtype)
        if self.features is not None:
            self._add_product(self.features[samples], block, weights, first=False)
        if self.weight is not None:
            features = logits.features[samples]
            first = samples.start == 0
            self._add_product(self.weight[classes], block.t(), features, first)

    def _add_product(
        self, to: Tensor, left: Tensor, right: Tensor, first: bool
    ) -> None:
        if to.dtype != left.dtype or self.logits.half:
            product = left @ right
            to.copy_(product) if first else to.add_(product)
        elif first:
            torch.mm(left, right, out=to)
        else:
            to.addmm_(left, right)


class LinearCrossEntropy(torch.autograd.Function):
    """Unreduced cross-entropy of a linear layer, in blocks."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, offset: Tensor,
                target: Tensor, margin: Tensor | None, dtype: torch.dtype,
                blocks: Blocks) -> Tensor:  # fmt: skip
        """Compute the loss of each sample.

        Args:
            ctx: of autograd.
            features: ``(N, D)``.
            weight: ``(C, D)``.
            offset: ``(C,)`` in the type of accumulation.
            target: class indices ``(N,)`` or soft labels ``(N, C)``.
            margin: ``(C,)`` in the type of accumulation.
            dtype: type of the matrix products.
            blocks: from :func:`plan_blocks`.

        Returns:
            ``(N,)`` in the type of accumulation.
        """
        with torch.autocast(features.device.type, enabled=False):
            logits = LinearLogits(
                features.to(dtype), weight, offset, target, margin, blocks
            )
            log_sum, at_label, block = log_sum_exp(logits)
            loss = log_sum * logits.label_mass() - at_label
        ctx.save_for_backward(features, weight, offset, target, margin, log_sum)
        ctx.dtype, ctx.blocks = dtype, blocks
        keeps = blocks.single and any(ctx.needs_input_grad) and not logits.soft
        ctx.kept = (logits, block) if keeps else None
        return loss

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of features, weights and offset."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                'The linear loss in blocks has no second derivative: leave out '
                '`create_graph=True`, or compute the loss of all logits (fused=False).'
            )
        features, weight, offset, target, margin, log_sum = ctx.saved_tensors
        kept, ctx.kept = ctx.kept, None
        with torch.autocast(features.device.type, enabled=False):
            logits = kept[0] if kept else LinearLogits(
                features.to(ctx.dtype), weight, offset, target, margin, ctx.blocks
            )  # fmt: skip
            grads = Gradients(logits, grad_loss, ctx.needs_input_grad[:3])
            if ctx.blocks.single and not logits.soft:
                # A second backward pass computes the block again, to the last bit.
                add_single(grads, kept[1] if kept else log_sum_exp(logits)[2])
            else:
                grads.compute(log_sum)
        grad_features = grads.features
        if grad_features is not None:
            grad_features = grad_features.to(features.dtype)
        return grad_features, grads.weight, grads.offset, None, None, None, None


def add_single(grads: Gradients, block: Tensor) -> None:
    """Add the only block, of exponentials as the forward pass leaves them."""
    factor = grads.grad_loss / block.sum(dim=1)
    everything = slice(0, block.shape[0]), slice(0, block.shape[1])
    weights = grads.logits.weights(everything[1])
    grads.add(block.mul_(factor[:, None]), *everything, weights)
