"""PlanktonSet with few classes, as it is published and as its config reads it."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = {'amphipods': 25, 'copepod_calanoid': 16, 'ephyra': 6, 'heteropod': 3}
SIZES = [(50, 40), (64, 64), (30, 33), (90, 60), (47, 128)]  # width and height


def picture(label: int, number: int) -> Image.Image:
    """A dark blot on white, of the class's own shape."""
    width, height = SIZES[number % len(SIZES)]
    image = np.full((height, width), 255, dtype=np.uint8)
    size = 6 + 4 * label
    image[5 : 5 + size, 8 : 8 + size // 2 + number % 3] = 40 + 20 * label
    return Image.fromarray(image).convert('RGB')


def jpeg_files() -> dict[str, bytes]:
    """All files, ``class/number.jpg`` -> content."""
    files, number = {}, 100
    for label, (name, count) in enumerate(COUNTS.items()):
        for _ in range(count):
            number += 7  # of different lengths: 99... comes after 100... by name
            buffer = io.BytesIO()
            picture(label, number).save(buffer, 'JPEG', quality=90)
            files[f'{name}/{number * 13 % 1009}.jpg'] = buffer.getvalue()
    return files


def write_plankton(root: Path, counts: dict[str, int] | None = None) -> Path:
    """The NumPy files.

    Args:
        root: new folder.
        counts: images of each class.

    Returns:
        ``root``.
    """
    counts = COUNTS if counts is None else counts
    root.mkdir(parents=True)
    labels = np.repeat(np.arange(len(counts)), list(counts.values()))
    images = np.random.default_rng(0).integers(200, 256, (len(labels), 64, 64))
    for index, label in enumerate(labels):
        images[index, 10 : 20 + 4 * label, 10:30] = 30 * label
    np.save(root / 'images.npy', images.astype(np.uint8))
    np.save(root / 'labels.npy', labels)
    names = [f'{c}/{i:04d}.jpg' for c, count in counts.items() for i in range(count)]
    (root / 'names.txt').write_text('\n'.join(names) + '\n')
    (root / 'classes.txt').write_text('\n'.join(counts) + '\n')
    return root
