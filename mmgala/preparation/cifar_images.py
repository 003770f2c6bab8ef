"""Images of CIFAR-10 and CIFAR-100, read from their archives or from PNG files."""

import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.preparation.checksums import Checksum
from mmgala.preparation.images import decode
from mmgala.preparation.source_files import read_files

# What a pickled array refers to under NumPy 1 and 2, obtained through public names.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ('numpy.core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy._core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
}
SIDE = 32  # pixels
SPLITS = ('train', 'test')
MAX_PNG = 1 << 16  # bytes; the pixels are 3,072
MAX_BATCH = 160_000_000  # bytes; CIFAR-100's training images have 155 MB


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles plain Python values and NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up a function or class that pickled arrays need.

        Raises:
            pickle.UnpicklingError: for any other name.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it names {module}.{name}') from None


def read_batch(
    name: str, content: bytes, label_key: str
) -> tuple[np.ndarray, list[int], list[str]]:
    """Images of one batch, as pickled by Python 2.

    Args:
        name: of the file, for messages.
        content: of the file; its checksum should have been verified.
        label_key: of the labels: ``'labels'`` or ``'fine_labels'``.

    Returns:
        Images ``(N, 32, 32, 3)`` uint8 RGB, labels and file names.

    Raises:
        ValueError: if it is not such a batch.
    """
    try:
        batch = ArrayUnpickler(io.BytesIO(content), encoding='latin1').load()
        data, labels, names = batch['data'], batch[label_key], batch['filenames']
        # Each row is an image: the red plane, then green, then blue.
        images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        if data.dtype != np.uint8 or not len(images) == len(labels) == len(names):
            raise ValueError('its images, labels and names do not match')
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(f'{name} is not a batch of CIFAR images ({error}).') from error
    return images, labels, names


@dataclass(frozen=True)
class CifarImage:
    """One image.

    Attributes:
        split: ``'train'`` or ``'test'``.
        label: in the order of the classes.
        name: of its file, the same in both forms of the set.
        pixels: ``(32, 32, 3)`` uint8, RGB.
    """

    split: str
    label: int
    name: str
    pixels: np.ndarray


@dataclass(frozen=True)
class CifarImages:
    """Where the images are in either form of the set: pickled batches or PNG files.

    Attributes:
        classes: names in sorted order, which is that of the official labels.
        batches: MD5 of each pickled file of images, by folder and name.
        label_key: of the labels in these files.
    """

    classes: Sequence[str]
    batches: Mapping[str, str]
    label_key: str

    def read(self, source: Path) -> Iterator[CifarImage]:
        """All images, in the source's order.

        Args:
            source: an archive or a folder; with the official pickles, which are
                unpickled only with the published checksum, or with
                ``{train,test}/<class>/*.png``.

        Raises:
            ValueError: if the source is damaged or not safe, a pickle is not the
                published one, or an image is not 32 x 32 and RGB.
        """
        for path, content in read_files(source, self._limit):
            batch = _ending(path, 2)
            if batch in self.batches:
                yield from self._of_batch(batch, content, source)
            else:
                yield self._of_png(path, content, source)

    def _limit(self, path: str) -> int | None:
        if _ending(path, 2) in self.batches:
            return MAX_BATCH
        split, class_name, name = _ending(path, 3).split('/')
        is_image = split in SPLITS and class_name in self.classes
        return MAX_PNG if is_image and name.lower().endswith('.png') else None

    def _of_batch(
        self, batch: str, content: bytes, source: Path
    ) -> Iterator[CifarImage]:
        where = f'{batch} in {source}'
        Checksum('md5', self.batches[batch]).require_of(where, content)
        split = 'test' if batch.rpartition('/')[2].startswith('test') else 'train'
        for image, label, name in zip(
            *read_batch(where, content, self.label_key), strict=True
        ):
            yield CifarImage(split, label, name, image)

    def _of_png(self, path: str, content: bytes, source: Path) -> CifarImage:
        split, class_name, name = _ending(path, 3).split('/')
        where = f'{path} in {source}'
        image = decode(where, content, 'PNG', ['RGB'], SIDE)
        if image.size != (SIDE, SIDE):
            raise ValueError(
                f'{where} has {image.width} x {image.height} pixels, where '
                f'{SIDE} x {SIDE} are expected.'
            )
        label = self.classes.index(class_name)
        return CifarImage(split, label, name, np.asarray(image))


def _ending(path: str, parts: int) -> str:
    """The last parts of a path, padded with empty ones where it has fewer."""
    return '/'.join([*[''] * parts, *path.split('/')][-parts:])
