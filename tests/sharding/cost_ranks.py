"""Measures a training step: memory of tensors, and what goes over the ranks."""

import gc
import weakref

import torch
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode

from mmgala.models import GALAHead
from mmgala.sharding import memory
from mmgala.sharding.cost import ring_bytes

NAMES = dict(
    all_gather_into_tensor='all_gather',
    reduce_scatter_tensor='reduce_scatter',
    all_reduce='all_reduce',
)


class Meter(TorchDispatchMode):
    """Bytes of all tensors made in a block that are alive at once, and messages.

    Attributes:
        peak: largest sum of bytes of living storages.
        messages: operation and bytes of its whole tensor.
    """

    def __init__(self):
        super().__init__()
        self.living, self.now, self.peak, self.messages = {}, 0, 0, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(value, torch.Tensor):
                self.note(value)
        name = str(function).removeprefix('_c10d_functional.').split('.')[0]
        if '_c10d_functional' in str(function) and name in NAMES:
            larger = max(args[0].nbytes, result.nbytes)
            self.messages.append((NAMES[name], larger))
        return result

    def note(self, tensor):
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.living:
            return
        size = storage.nbytes()
        self.living[key] = size
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self.forget, key)

    def forget(self, key):
        self.now -= self.living.pop(key, 0)


def measure(rank, world_size, num_classes, num_features, batch, rate=1.0):
    """Peak bytes of the tensors of a step, and what this rank sends."""
    head = GALAHead(num_classes, num_features, shard_classes=True, negative_rate=rate)
    head.wrapped = True
    generator = torch.Generator().manual_seed(rank)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    samples = [DataSample().set_gt_label(i % num_classes) for i in range(batch)]
    for _ in range(2):  # the second step has a momentum
        feats = torch.randn(batch, num_features, generator=generator).requires_grad_()
        optimizer.zero_grad()
        gc.collect()
        before = sum(p.nbytes for p in head.parameters())
        before += sum(b.nbytes for b in head.buffers())
        states = optimizer.state.values()
        before += sum(v.nbytes for state in states for v in state.values())
        with Meter() as meter:
            head.loss((feats,), samples)['loss'].backward()
    sent = sum(ring_bytes(name, size, world_size) for name, size in meter.messages)
    return dict(peak=before + meter.peak, sent=sent, messages=meter.messages)


def error_of_a_step(rank, world_size, free_of_ranks):
    """What a rank says whose machine has so many bytes."""
    known = memory.available_memory
    memory.available_memory = lambda device: free_of_ranks[rank]
    try:
        measure(rank, world_size, 8000, 16, 8)
    except ValueError as error:
        return str(error)
    finally:
        memory.available_memory = known
    return 'no error'
