"""Small images whose class can be seen by their colour."""

import numpy as np
from PIL import Image


def write_image(path, colour=0, seed=0, size=(20, 24), mode='RGB'):
    """Write one image; a seed makes one content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, colour])
    pixels = rng.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8)
    pixels[..., colour % 3] += 150
    Image.fromarray(pixels).convert(mode).save(path)


def write_classes(root, counts, **options):
    """Write that many images of each class; return the root."""
    for index, (name, count) in enumerate(counts.items()):
        for number in range(count):
            path = root / name / f'{number}.png'
            write_image(path, index, number, **options)
    return root


def write_csv(path, *rows):
    """Write rows as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(rows) + '\n')
    return path
