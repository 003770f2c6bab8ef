"""``DTensor``, whose module was private up to PyTorch 2.4."""

try:
    from torch.distributed.tensor import DTensor, Shard
except ImportError:
    from torch.distributed._tensor import DTensor, Shard

__all__ = ['DTensor', 'Shard']
