"""Tabular data, heavily skewed: is a transaction fraud? 1 of 200 is.

    python examples/tabular_fraud.py      (pip install scikit-learn)

Generated transactions with 20 features. It prints, in percent of the test set:

                                        recall precision  balanced        AP
    cross-entropy                         31.4      89.2      65.7      44.7
    cross-entropy + logit adjustment      78.1       4.5      84.7      44.7
    class-balanced                        64.8       9.5      80.7      42.3
    GALA                                  34.3      78.3      67.1      44.6

GALA gains little here. With two classes a balanced loss only moves the decision: the
ranking, which average precision (AP) measures, stays. Choose the threshold instead.
"""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, precision_score, recall_score
from torch import nn

from mmgala import ClassBalancedLoss, GALALoss, LogitAdjuster, class_counts_of


def make_transactions() -> tuple[torch.Tensor, torch.Tensor]:
    """40,000 transactions."""
    features, labels = make_classification(
        40_000, n_informative=8, n_clusters_per_class=3, weights=[0.995], flip_y=0.0,
        class_sep=0.7, random_state=0,
    )  # fmt: skip
    return torch.tensor(features, dtype=torch.float32), torch.tensor(labels)


def train(loss: nn.Module, features: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train a small network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    for _ in range(10):
        for batch in torch.randperm(len(features)).split(128):
            optimizer.zero_grad()
            loss(model(features[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    """Train with each loss, and print what the test set says."""
    features, labels = make_transactions()
    train_set, test_set = slice(0, 20_000), slice(20_000, None)
    counts = class_counts_of(labels[train_set], 2)
    losses = {
        'cross-entropy': nn.CrossEntropyLoss(),
        'class-balanced': ClassBalancedLoss(2, class_counts=counts),
        'GALA': GALALoss(2),
    }
    print(f'{"":32}{"recall":>10}{"precision":>10}{"balanced":>10}{"AP":>10}')
    for name, loss in losses.items():
        model = train(loss, features[train_set], labels[train_set])
        with torch.no_grad():
            rows = {name: model(features[test_set]).softmax(dim=1)}
        if name == 'cross-entropy':
            adjusted = LogitAdjuster(1.0, counts).transform(rows[name])
            rows['cross-entropy + logit adjustment'] = adjusted
        for title, scores in rows.items():
            target, found = labels[test_set], scores.argmax(dim=1)
            recalls = recall_score(target, found, average=None)
            precision = precision_score(target, found)
            ranking = average_precision_score(target, scores[:, 1])
            values = recalls[1], precision, recalls.mean(), ranking
            print(f'{title:32}' + ''.join(f'{100 * value:10.1f}' for value in values))


if __name__ == '__main__':
    main()
