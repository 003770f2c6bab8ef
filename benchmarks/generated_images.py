"""Generated images in the formats of data sets, for benchmarks without real data."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

FILES = 64  # number of different JPEG files


def write_arrays(folder: Path, number: int, num_classes: int) -> None:
    """Write noise of 32 x 32 pixels in the format of ``ArrayDataset``."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8)
    np.save(folder / 'train_images.npy', images)
    np.save(folder / 'train_labels.npy', np.arange(number) % num_classes)
    names = '\n'.join(f'class {label}' for label in range(num_classes))
    (folder / 'classes.txt').write_text(names)


def write_jpegs(folder: Path, num_classes: int, largest: int = 30) -> None:
    """Write a long-tailed folder of images for each class, 256 x 256 pixels.

    There are few different images. Each has many names, so that they take little space.

    Args:
        folder: folder to create the folders of the classes in.
        num_classes: number of classes.
        largest: number of images of the first class; the last one has one.
    """
    rng = np.random.default_rng(0)
    files = []
    for number in range(FILES):
        # Enlarged noise compresses about as well as photographs.
        small = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8))
        files.append(folder / f'{number}.jpg')
        small.resize((256, 256), Image.Resampling.BICUBIC).save(files[-1], quality=90)
    count = 0
    for label in range(num_classes):
        of_class = folder / f'class_{label:04}'
        of_class.mkdir()
        for number in range(round(largest ** (1 - label / (num_classes - 1)))):
            os.link(files[count % FILES], of_class / f'{number}.jpg')
            count += 1
    for file in files:
        file.unlink()
