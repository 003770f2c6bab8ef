"""Images that arrive in any order, and leave class by class in the order of names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmgala.preparation.checking import count_problem


class ImageTable:
    """Images of one size, with labels and names.

    Args:
        what: they are, for messages.
        counts: expected images of each class.
        shape: of an image.
    """

    def __init__(
        self, what: str, counts: Sequence[int], shape: tuple[int, ...]
    ) -> None:
        self.what = what
        self.counts = list(counts)
        self._keys: list[tuple[int, str]] = []
        self._images = np.empty((sum(counts), *shape), dtype=np.uint8)

    def add(self, label: int, name: str, image: np.ndarray) -> None:
        """Add an image of the right shape; ``name`` is unique in its class.

        Raises:
            ValueError: if there are more images than expected.
        """
        if len(self._keys) == len(self._images):
            raise ValueError(
                f'{self.what}: there are more than the {len(self._images):,} images '
                'that are expected.'
            )
        self._images[len(self._keys)] = image
        self._keys.append((label, name))

    def save(self, images_file: Path, labels_file: Path) -> list[tuple[int, str]]:
        """Write images and labels as ``.npy`` files, in the order of label and name.

        Returns:
            Label and name of each image.

        Raises:
            ValueError: if there are no images, a name repeats, or classes have other
                numbers of images.
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
                    f'{self.what}: {after[1]} is there twice in class {after[0]}.'
                )
        labels = np.array([label for label, _ in keys], dtype=np.int64)
        found = np.bincount(labels, minlength=len(self.counts)).tolist()
        if (problem := count_problem(found, self.counts)) is not None:
            raise ValueError(f'{self.what}: {problem}.')
        np.save(images_file, self._images[order])
        np.save(labels_file, labels)
        return keys
