"""The images of CIFAR, from the official pickles or from class folders of PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmgala.preparation.checksums import Checksum
from mmgala.preparation.decoding import decode
from mmgala.preparation.pickled_batches import SIDE, read_batch
from mmgala.preparation.source_files import read_files

SPLITS = ('train', 'test')
MAX_PNG = 1 << 16  # bytes; the pixels are 3,072
MAX_BATCH = 160_000_000  # bytes; CIFAR-100's training images have 155 MB


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
    """How to find the images in either form of the set.

    Attributes:
        classes: names, sorted: the order of the official labels, too.
        batches: MD5 of each pickled file with images, by folder and name.
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
    """The last parts of a path; empty ones come before it where it has fewer."""
    return '/'.join([*[''] * parts, *path.split('/')][-parts:])
