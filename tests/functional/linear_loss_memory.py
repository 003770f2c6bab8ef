"""Peak memory of training steps of a classifier, in MiB beside weights and gradient.

Run as a program: ``python linear_loss_memory.py blocks`` or ``plain``.
"""

import re
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from mmgala.functional import gala_linear_loss

N, D, C = 64, 16, 400_000  # all logits are 98 MiB


def peak() -> int:
    # Not ru_maxrss, which begins with the memory of the process that started this one.
    found = re.search(r'VmHWM:\s+(\d+) kB', Path('/proc/self/status').read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    train(torch.nn.Linear(D, 100))  # loads what the first step of any training loads
    Path('/proc/self/clear_refs').write_text('5')  # forgets the peak of the imports
    before = peak()
    layer = torch.nn.Linear(D, C)
    train(layer)
    weights = sum(each.nbytes for each in layer.parameters())
    print((peak() - before - 2 * weights) / 2**20)


def train(layer: torch.nn.Linear) -> None:
    """Two steps of SGD."""
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    theta, target = torch.ones(len(layer.weight)), torch.arange(N)
    features = torch.randn(N, D, requires_grad=True)
    for _ in range(2):
        optimizer.zero_grad()
        if sys.argv[1] == 'blocks':
            loss = gala_linear_loss(
                features, layer.weight, layer.bias, target, theta, theta
            )
        else:
            loss = F.cross_entropy(layer(features), target, reduction='none')
        loss.mean().backward()
        optimizer.step()


if __name__ == '__main__':
    main()
