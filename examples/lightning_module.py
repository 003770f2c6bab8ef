"""Lightning: GALA as a part of a LightningModule, saved and restored with it.

    python examples/lightning_module.py      (pip install lightning scikit-learn)

scikit-learn's 8 x 8 digits, ten classes with 110 to 2 training images. It prints:

                       top-1    many  medium     few
    cross-entropy       74.2    98.3    91.7    61.4
    GALA                77.5    98.3    90.0    67.8

GALA is better on the rare classes, and a little worse on those in between.
"""

import logging
import warnings

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mmgala import GALALoss, class_counts_of, long_tailed_counts, long_tailed_metrics

QUIET = dict(logger=False, enable_progress_bar=False, enable_model_summary=False)


class DigitClassifier(lightning.LightningModule):
    """A small network. As a submodule, the loss is on the right device and is saved."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.loss = loss

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """With several devices, GALA sums its statistics over all of them."""
        images, labels = batch
        return self.loss(self.net(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=3e-3, weight_decay=1e-2)


def make_digits() -> tuple[TensorDataset, TensorDataset]:
    """A long-tailed training set, and 60 other images of each class."""
    images, labels = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    images = images.float() / 16
    of_class = [(labels == c).nonzero()[:, 0] for c in range(10)]
    counts = long_tailed_counts(10, 110, 55)
    train = torch.cat([own[:n] for own, n in zip(of_class, counts, strict=True)])
    test = torch.cat([own[-60:] for own in of_class])
    return tuple(TensorDataset(images[part], labels[part]) for part in (train, test))


def main() -> None:
    """Train with both losses, and print the accuracy of the shot groups."""
    logging.getLogger('lightning.pytorch').setLevel(logging.ERROR)
    warnings.simplefilter('ignore')
    train_set, test_set = make_digits()
    counts = class_counts_of(train_set, 10)
    print(f'{"":16}{"top-1":>8}{"many":>8}{"medium":>8}{"few":>8}')
    losses = {'cross-entropy': nn.CrossEntropyLoss(), 'GALA': GALALoss(10)}
    for name, loss in losses.items():
        lightning.seed_everything(0, verbose=False)
        model = DigitClassifier(loss)
        trainer = lightning.Trainer(max_epochs=60, enable_checkpointing=False, **QUIET)
        trainer.fit(model, DataLoader(train_set, batch_size=32, shuffle=True))
        images, labels = test_set.tensors
        with torch.no_grad():
            scores = model.eval().net(images).softmax(dim=1)
        of = long_tailed_metrics(scores, labels, counts)
        groups = (of[key] for key in ('top1', 'many', 'medium', 'few'))
        print(f'{name:16}' + ''.join(f'{value:8.1f}' for value in groups))


if __name__ == '__main__':
    main()
