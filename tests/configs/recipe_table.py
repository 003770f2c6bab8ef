"""What the recipes are: read off the paper's code and MiSLAS's, not off our configs."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """One training by SGD with momentum 0.9.

    Attributes:
        learning_rates: of each epoch.
        weight_decay: of all parameters.
        batch_size: over all ranks.
        num_ranks: that it is stated for.
    """

    learning_rates: tuple[float, ...]
    weight_decay: float
    batch_size: int
    num_ranks: int = 8


def cosine(start: float, epochs: int) -> tuple[float, ...]:
    """From ``start`` towards 0, which an epoch after the last would have."""
    return tuple(
        start * (1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)
    )


def cosine_stepped_before(start: float, epochs: int) -> tuple[float, ...]:
    """Of a scheduler that steps before each epoch: the last epoch has 0."""
    return tuple(
        start * (1 + math.cos(math.pi * (epoch + 1) / epochs)) / 2
        for epoch in range(epochs)
    )


# 0 in epoch 200: the authors' scheduler takes 198 steps after epoch 2.
CIFAR = Training((0.05, *cosine(0.1, 198), 0.0), 5e-4, batch_size=64, num_ranks=1)

NUM_CLASSES = {
    'resnext50_imagenet-lt': 1000,
    'resnet50_inaturalist2018': 8142,
    'resnet152_places-lt': 365,
}
STAGE1 = {
    'resnext50_imagenet-lt': Training(cosine(0.1, 180), 5e-4, 256),
    'resnet50_inaturalist2018': Training(cosine(0.1, 200), 1e-4, 256),
    'resnet152_places-lt': Training(cosine(0.1, 90), 5e-4, 256),
}
STAGE2 = {
    'resnext50_imagenet-lt': Training(cosine_stepped_before(0.12, 10), 5e-4, 512),
    'resnet50_inaturalist2018': Training(cosine_stepped_before(0.2, 30), 1e-4, 512),
    # MiSLAS's, which starts with the whole rate.
    'resnet152_places-lt': Training(cosine(0.1, 10), 5e-4, 256),
}
# Batches of an epoch of stage 2: int(images / batch).
NUM_BATCHES = {
    'resnext50_imagenet-lt': (115_846, 226),
    'resnet50_inaturalist2018': (437_513, 854),
    'resnet152_places-lt': (62_500, 244),
}
