"""The benchmarks in exactly their form on disk, with few, small, generated images.

Six classes; images of a class share colour and stripes, so there is something to learn.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

# Training images: one many-shot class, two medium-shot, three few-shot.
COUNTS = (104, 36, 21, 12, 7, 5)
NUM_VAL = 4  # validation images of each class
NUM_TEST = 5

WNIDS = ('n01440764', 'n01443537', 'n01484850', 'n01491361', 'n01494475', 'n01496331')
SCENES = (
    'airfield',
    'airplane_cabin',
    'apartment_building/outdoor',
    'arena/hockey',
    'art_studio',
    'zen_garden',
)
SPECIES = (
    ('Plantae', 'Abies balsamea'),
    ('Plantae', 'Acer rubrum'),
    ('Aves', 'Turdus merula'),
    ('Insecta', 'Danaus plexippus'),
    ('Fungi', 'Amanita muscaria'),
    ('Mammalia', 'Vulpes vulpes'),
)
PALETTE = np.array(
    [[40, 60, 200], [40, 180, 60], [200, 80, 40], [30, 30, 30], [220, 220, 90],
     [150, 60, 150]]
)  # fmt: skip


def picture(label: int, seed: int, size: tuple[int, int] = (40, 48)) -> np.ndarray:
    """Image of a class: its colour and stripes, and noise; ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng((label, seed))
    stripes = 40 * np.sin(np.arange(size[1]) * (0.3 + 0.2 * label) + 6 * rng.random())
    noise = rng.normal(scale=25, size=(*size, 3))
    image = PALETTE[label % len(PALETTE)] + stripes[:, None] + noise
    return image.clip(0, 255).astype(np.uint8)


def write_imagenet_lt(root: Path, counts: tuple[int, ...] = COUNTS) -> Path:
    """Lists and images of ImageNet-LT; its validation images are ImageNet's training's.

    Returns:
        ``root``.
    """

    def training(label: int, number: int) -> str:
        return f'train/{WNIDS[label]}/{WNIDS[label]}_{number}.JPEG'

    def test(label: int, number: int) -> str:
        number = 1 + NUM_TEST * label + number
        return f'val/{WNIDS[label]}/ILSVRC2012_val_{number:08d}.JPEG'

    _write_lists(root, 'ImageNet_LT_{}.txt', counts, training, test)
    return root


def write_places_lt(root: Path, counts: tuple[int, ...] = COUNTS) -> Path:
    """Lists and images of Places-LT, some of its folders in folders.

    Returns:
        ``root``.
    """

    def training(label: int, number: int) -> str:
        return f'train/{SCENES[label]}/{number + 1:08d}.jpg'

    def test(label: int, number: int) -> str:
        folder = SCENES[label].replace('/', '-')
        return f'val/{folder}/Places365_val_{number + 1 + NUM_TEST * label:08d}.jpg'

    _write_lists(root, 'Places_LT_{}.txt', counts, training, test)
    return root


def write_inaturalist(
    root: Path, counts: tuple[int, ...] = COUNTS, form: str = 'json'
) -> Path:
    """Annotations and images of iNaturalist 2018.

    Args:
        root: new folder.
        counts: training images of each class.
        form: of the annotations, ``'json'`` or ``'txt'``.

    Returns:
        ``root``.
    """

    def path(label: int, number: int) -> str:
        name = uuid.uuid5(uuid.NAMESPACE_URL, f'{label} {number}').hex
        return f'train_val2018/{SPECIES[label][0]}/{7291 + label}/{name}.jpg'

    splits = {
        'train': _numbered(counts, [0] * len(counts), path),
        'val': _numbered([NUM_VAL] * len(counts), counts, path),
    }
    first = 1
    for split, images in splits.items():
        images = list(images)
        _write_images(root, images)
        if form == 'txt':
            _write_list(root / f'iNaturalist18_{split}.txt', images)
        else:
            content = _coco([image[:2] for image in images], first)
            (root / f'{split}2018.json').write_text(json.dumps(content))
        first += len(images)
    return root


Listed = tuple[str, int, int]  # path, label, number within its class


def _numbered(
    counts: tuple[int, ...] | list[int],
    first: tuple[int, ...] | list[int],
    path: Callable[[int, int], str],
) -> Iterator[Listed]:
    for label, (count, start) in enumerate(zip(counts, first, strict=True)):
        for number in range(start, start + count):
            yield path(label, number), label, number


def _write_lists(
    root: Path,
    name: str,
    counts: tuple[int, ...],
    training: Callable[[int, int], str],
    test: Callable[[int, int], str],
) -> None:
    zeros = [0] * len(counts)
    splits = {
        'train': _numbered(counts, zeros, training),
        'val': _numbered([NUM_VAL] * len(counts), counts, training),
        'test': _numbered([NUM_TEST] * len(counts), zeros, test),
    }
    for split, found in splits.items():
        images = list(found)
        _write_images(root, images)
        _write_list(root / name.format(split), images)


def _write_list(path: Path, images: list[Listed]) -> None:
    path.write_text(''.join(f'{image} {label}\n' for image, label, _ in images))


def _write_images(root: Path, images: list[Listed]) -> None:
    for path, label, number in images:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        seed = number + 1000 * path.startswith('val/')  # other images than in train/
        assert cv2.imwrite(str(root / path), picture(label, seed))


def _coco(images: list[tuple[str, int]], first: int) -> dict:
    """COCO-style annotations, with ids from ``first`` up."""
    return {
        'info': {'description': '', 'version': '1.0', 'year': 2018},
        'licenses': [{'id': 0, 'name': '', 'url': ''}],
        'images': [
            {'id': first + index, 'width': 48, 'height': 40, 'license': 0,
             'file_name': path, 'rights_holder': ''}
            for index, (path, _) in enumerate(images)
        ],
        'annotations': [
            {'id': first + index, 'image_id': first + index, 'category_id': label}
            for index, (_, label) in enumerate(images)
        ],
        'categories': [
            {'id': label, 'name': name, 'supercategory': kingdom}
            for label, (kingdom, name) in enumerate(SPECIES)
        ],
    }  # fmt: skip
