"""Which classes each collage shows, so that the classes' frequencies are exact."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from projects.collage_lvis.items import KINDS
from projects.collage_lvis.painting import TINTS

CLASSES = [(kind, tint) for kind in range(len(KINDS)) for tint in range(len(TINTS))]
NAMES = [f'{TINTS[tint]} {KINDS[kind]}' for kind, tint in CLASSES]
MAX_ITEMS = 6  # in a collage
MEAN_CLASSES = 3  # in a collage, about
REPEAT = 0.2  # share of training collages that show one of their classes twice


@dataclass(frozen=True)
class CollageSettings:
    """What a set of collages is made of; one for one with its bytes.

    Attributes:
        seed: of everything random.
        max_images: training images that show the most frequent class.
        min_images: training images that show the rarest class.
        per_class: validation images that show a class, and test images likewise.
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
    """Training images that show each class, ``(30,)``: exponentially long-tailed.

    Which class is frequent and which is rare is random.
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
        counts: collages that show each class, ``(C,)``.
        rng: decides which.
        repeat: probability that a collage shows one of its classes twice.

    Returns:
        Classes of each collage in the order of painting, 1 to 6.
    """
    num_images = max(-(-counts.sum() // MEAN_CLASSES), counts.max())
    shown: list[list[int]] = [[] for _ in range(num_images)]
    # From frequent to rare there is always room: while the n-th is placed, all
    # before it have as many, so that few collages are full.
    for label in np.argsort(-counts, kind='stable'):
        room = [image for image, some in enumerate(shown) if len(some) < MAX_ITEMS]
        for image in rng.choice(room, counts[label], replace=False):
            shown[image].append(int(label))
    for some in shown:
        if 0 < len(some) < MAX_ITEMS and rng.random() < repeat:
            some.append(int(rng.choice(some)))
    return [rng.permutation(some) for some in shown if some]


def frequency_group(image_count: int) -> str:
    """LVIS's groups: rare (``r``), common (``c``) or frequent (``f``).

    Args:
        image_count: training images that show the class.
    """
    return 'r' if image_count <= 10 else 'c' if image_count <= 100 else 'f'


def categories(training: Sequence[np.ndarray]) -> list[dict]:
    """LVIS's categories, with the frequencies that the training part has.

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
