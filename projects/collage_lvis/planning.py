"""Distribution of the classes over the collages, with exact frequencies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from projects.collage_lvis.items import KINDS
from projects.collage_lvis.painting import TINTS

CLASSES = [(kind, tint) for kind in range(len(KINDS)) for tint in range(len(TINTS))]
NAMES = [f'{TINTS[tint]} {KINDS[kind]}' for kind, tint in CLASSES]
MAX_ITEMS = 6  # per collage
MEAN_CLASSES = 3  # per collage, approximately
REPEAT = 0.2  # fraction of training collages with two items of a class


@dataclass(frozen=True)
class CollageSettings:
    """Settings that determine every byte of the data set.

    Attributes:
        seed: random seed.
        max_images: number of training images of the most frequent class.
        min_images: number of training images of the rarest class.
        per_class: number of images of each class in the validation and test split.
    """

    seed: int = 0
    max_images: int = 900
    min_images: int = 3
    per_class: int = 40

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            low = 0 if name == 'seed' else 1
            if value < low:
                raise ValueError(
                    f'--{name.replace("_", "-")} must be {low} or more, but is {value}.'
                )
        if self.min_images > self.max_images:
            raise ValueError(
                f'--min-images ({self.min_images}) must not be above --max-images '
                f'({self.max_images}).'
            )


def training_counts(settings: CollageSettings) -> np.ndarray:
    """Number of training images of each class, ``(30,)``: exponentially long-tailed.

    The order of the classes is random.
    """
    spread = np.geomspace(settings.max_images, settings.min_images, len(CLASSES))
    order = np.random.default_rng([settings.seed, 0]).permutation(len(CLASSES))
    counts = np.empty(len(CLASSES), int)
    counts[order] = spread.round()
    return counts


def draw_plan(
    counts: np.ndarray, rng: np.random.Generator, repeat: float = 0.0
) -> list[np.ndarray]:
    """Distribute classes over collages at random.

    Args:
        counts: number of collages with each class, ``(C,)``.
        rng: random generator.
        repeat: probability that a collage contains two items of one of its classes.

    Returns:
        1 to 6 classes of each collage in the order of painting.
    """
    num_images = max(-(-counts.sum() // MEAN_CLASSES), counts.max())
    planned: list[list[int]] = [[] for _ in range(num_images)]
    # In order of falling frequency, there is always room: earlier classes have at least
    # as many images, so that few collages are full.
    for label in np.argsort(-counts, kind='stable'):
        room = [image for image, some in enumerate(planned) if len(some) < MAX_ITEMS]
        for image in rng.choice(room, counts[label], replace=False):
            planned[image].append(int(label))
    for some in planned:
        if 0 < len(some) < MAX_ITEMS and rng.random() < repeat:
            some.append(int(rng.choice(some)))
    return [rng.permutation(some) for some in planned if some]


def frequency_group(image_count: int) -> str:
    """Frequency group of LVIS: rare (``r``), common (``c``) or frequent (``f``).

    Args:
        image_count: number of training images of the class.
    """
    return 'r' if image_count <= 10 else 'c' if image_count <= 100 else 'f'


def categories(training: Sequence[np.ndarray]) -> list[dict]:
    """Categories in LVIS format, with their frequencies in the training split.

    Args:
        training: classes of each training collage.
    """
    images = np.zeros(len(CLASSES), int)
    instances = np.zeros(len(CLASSES), int)
    for classes in training:
        images[np.unique(classes)] += 1
        np.add.at(instances, classes, 1)
    return [
        dict(
            id=label + 1,
            name=name,
            synonyms=[name],
            synset=f'{name.replace(" ", "_")}.n.01',
            **{'def': f'an item of clothing in a collage: {name}'},
            frequency=frequency_group(int(images[label])),
            image_count=int(images[label]),
            instance_count=int(instances[label]),
        )
        for label, name in enumerate(NAMES)
    ]
