"""Conversion of image files to arrays."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmgala.preparation.checking import count_problem

CLASS_NAME_FILE = 'classes.txt'  # read by `mmgala.datasets.ArrayDataset`

# Errors of Pillow for broken or huge files.
BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def decode(
    name: str, content: bytes, kind: str, modes: Sequence[str], most: int
) -> Image.Image:
    """Decode an image file after checking its format, mode and size.

    Args:
        name: name of the file, for error messages.
        content: content of the file.
        kind: the only accepted format, ``'PNG'`` or ``'JPEG'``.
        modes: accepted modes, by Pillow's names.
        most: maximum length of the longer side in pixels.

    Raises:
        ValueError: if the image has another format or mode, is too large or is broken.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=[kind])
        if max(image.size) > most or image.mode not in modes:
            raise ValueError(
                f'expected {" or ".join(modes)} and at most {most} x {most} pixels, but'
                f' got {image.mode} and {image.width} x {image.height}'
            )
        image.load()
    except UnidentifiedImageError as error:
        raise ValueError(f'{name} is not a {kind} image.') from error
    except BROKEN as error:
        raise ValueError(f'{name} cannot be used: {error}.') from error
    return image


def as_square(image: Image.Image, size: int, fill: int = 255) -> np.ndarray:
    """Convert an image to greyscale and centre it in a square.

    The aspect ratio is kept. Images larger than the square are shrunk; smaller ones are
    not enlarged.

    Args:
        image: image of any size and mode.
        size: side of the square in pixels.
        fill: grey level around the image.

    Returns:
        ``(size, size)`` uint8.
    """
    grey = image.convert('L')
    longest = max(grey.size)
    if longest > size:
        width, height = (max(1, round(side * size / longest)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    square = Image.new('L', (size, size), fill)
    square.paste(grey, ((size - grey.width) // 2, (size - grey.height) // 2))
    return np.asarray(square)


class ImageTable:
    """Images of one size, with labels and names.

    Args:
        what: description of the images, for error messages.
        counts: expected number of images of each class.
        shape: shape of an image.
    """

    def __init__(
        self, what: str, counts: Sequence[int], shape: tuple[int, ...]
    ) -> None:
        self.what = what
        self.counts = list(counts)
        self._keys: list[tuple[int, str]] = []
        self._images = np.empty((sum(counts), *shape), dtype=np.uint8)

    def add(self, label: int, name: str, image: np.ndarray) -> None:
        """Add an image of this shape, whose ``name`` is unique in its class.

        Raises:
            ValueError: if there are more images than expected.
        """
        if len(self._keys) == len(self._images):
            raise ValueError(
                f'{self.what}: expected {len(self._images):,} images, but there are '
                'more.'
            )
        self._images[len(self._keys)] = image
        self._keys.append((label, name))

    def save(self, images_file: Path, labels_file: Path) -> list[tuple[int, str]]:
        """Write images and labels as ``.npy`` files, in the order of label and name.

        Returns:
            Label and name of each image.

        Raises:
            ValueError: if there are no images, a name repeats, or the class counts are
                not the expected ones.
        """
        if not self._keys:
            raise ValueError(
                f'There are no {self.what}: expected a folder for each class, with the '
                'published names of the classes (for CIFAR, below train and test), or '
                'the official archive.'
            )
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        keys = [self._keys[index] for index in order]
        for before, after in zip(keys, keys[1:], strict=False):
            if before == after:
                raise ValueError(
                    f'{self.what}: class {after[0]} contains {after[1]} twice.'
                )
        labels = np.array([label for label, _ in keys], dtype=np.int64)
        found = np.bincount(labels, minlength=len(self.counts)).tolist()
        if (problem := count_problem(found, self.counts)) is not None:
            raise ValueError(f'{self.what}: {problem}.')
        np.save(images_file, self._images[order])
        np.save(labels_file, labels)
        return keys


def write_class_names(folder: Path, names: Iterable[str]) -> None:
    """Write ``classes.txt``, one name per line in label order."""
    text = ''.join(f'{name}\n' for name in names)
    (folder / CLASS_NAME_FILE).write_text(text, encoding='utf-8')
