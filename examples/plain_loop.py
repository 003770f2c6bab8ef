"""A plain PyTorch loop: cross-entropy, balanced softmax and GALA on generated points.

    python examples/plain_loop.py

20 overlapping classes with 500 to 5 training samples; PyTorch alone. It prints:

                                       top-1    many  medium     few
    cross-entropy                       53.5    92.6    51.1    10.7
    cross-entropy + re-balancing        64.9    89.1    59.1    43.3
    balanced softmax                    68.3    80.9    65.9    56.7
    balanced softmax + re-balancing     68.5    80.3    65.4    58.3
    GALA                                66.6    89.3    60.3    47.5
    GALA + re-balancing                 68.2    85.4    62.7    54.5

GALA needs no class counts. Balanced softmax does, and is better on the rare classes.
"""

import torch
from torch import nn

from mmgala import (
    BalancedSoftmaxLoss,
    GALALoss,
    PredictionRebalancer,
    class_counts_of,
    long_tailed_counts,
    long_tailed_metrics,
)

NUM_CLASSES = 20


def make_data(counts: list[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around the centres of the classes, so many of each."""
    torch.manual_seed(0)
    centres = torch.randn(NUM_CLASSES, 16)
    labels = torch.arange(NUM_CLASSES).repeat_interleave(torch.tensor(counts))
    torch.manual_seed(seed)
    return centres[labels] + 1.3 * torch.randn(len(labels), 16), labels


def train(loss: nn.Module, points: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train a small network; only the line with the loss is particular."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, NUM_CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(20):
        for batch in torch.randperm(len(points)).split(64):
            optimizer.zero_grad()
            loss(model(points[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    """Train with each loss, and print the accuracy of the shot groups."""
    points, labels = make_data(long_tailed_counts(NUM_CLASSES, 500, 100), seed=1)
    test_points, test_labels = make_data([100] * NUM_CLASSES, seed=2)
    counts = class_counts_of(labels, NUM_CLASSES)
    losses = {
        'cross-entropy': nn.CrossEntropyLoss(),
        'balanced softmax': BalancedSoftmaxLoss(NUM_CLASSES, class_counts=counts),
        'GALA': GALALoss(NUM_CLASSES),
    }
    print(f'{"":32}{"top-1":>8}{"many":>8}{"medium":>8}{"few":>8}')
    for name, loss in losses.items():
        model = train(loss, points, labels)
        with torch.no_grad():
            scores = model(test_points).softmax(dim=1)
        rebalanced = PredictionRebalancer(tau=1.0).fit(scores).transform(scores)
        for title, found in ((name, scores), (f'{name} + re-balancing', rebalanced)):
            of = long_tailed_metrics(found, test_labels, counts)
            groups = (of[key] for key in ('top1', 'many', 'medium', 'few'))
            print(f'{title:32}' + ''.join(f'{value:8.1f}' for value in groups))


if __name__ == '__main__':
    main()
