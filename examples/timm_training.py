"""timm: one of its models, optimizers and schedules, with its mixup, and GALA.

    python examples/timm_training.py      (pip install timm scikit-learn)

scikit-learn's digits, ten classes with 110 to 2 training images, at 32 x 32. It prints:

                       top-1    many  medium     few
    cross-entropy       79.5   100.0    92.8    69.4
    GALA                86.2   100.0    89.4    82.2

With mixup too, GALA gains on the rare classes and loses a little in between.
"""

import timm
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from timm.data import Mixup
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch import nn

from mmgala import GALALoss, class_counts_of, long_tailed_counts, long_tailed_metrics

EPOCHS = 30


def make_digits() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A long-tailed training set, and 60 other images of each class."""
    images, labels = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    images = F.interpolate(images.float().view(-1, 1, 8, 8) / 16 - 0.3, size=32)
    of_class = [(labels == c).nonzero()[:, 0] for c in range(10)]
    counts = long_tailed_counts(10, 110, 55)
    train = torch.cat([own[:n] for own, n in zip(of_class, counts, strict=True)])
    test = torch.cat([own[-60:] for own in of_class])
    return [(images[part], labels[part]) for part in (train, test)]


def train(loss: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Train with mixed images: GALA takes the soft labels that mixup makes."""
    torch.manual_seed(0)
    mixup = Mixup(mixup_alpha=0.2, label_smoothing=0.0, num_classes=10)
    model = timm.create_model('test_resnet', in_chans=1, num_classes=10)
    optimizer = create_optimizer_v2(model, opt='adamw', lr=5e-3, weight_decay=0.05)
    schedule = CosineLRScheduler(optimizer, t_initial=EPOCHS)
    for epoch in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(images)).split(32):
            mixed, shares = mixup(images[batch], labels[batch])
            optimizer.zero_grad()
            loss(model(mixed), shares).backward()
            optimizer.step()
        schedule.step(epoch + 1)
    return model.eval()


def main() -> None:
    """Train with both losses, and print the accuracy of the shot groups."""
    (images, labels), (test_images, test_labels) = make_digits()
    counts = class_counts_of(labels, 10)
    print(f'{"":16}{"top-1":>8}{"many":>8}{"medium":>8}{"few":>8}')
    losses = {'cross-entropy': SoftTargetCrossEntropy(), 'GALA': GALALoss(10)}
    for name, loss in losses.items():
        model = train(loss, images, labels)
        with torch.no_grad():
            scores = model(test_images).softmax(dim=1)
        of = long_tailed_metrics(scores, test_labels, counts)
        groups = (of[key] for key in ('top1', 'many', 'medium', 'few'))
        print(f'{name:16}' + ''.join(f'{value:8.1f}' for value in groups))


if __name__ == '__main__':
    main()
