"""All images of a data set in one tensor on a device."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmgala.datasets.labels import dataset_labels
from mmgala.datasets.on_device.transforms import to_device
from mmgala.datasets.on_device.translation import Augmentation

REFUSED = ('gt_score', 'mask')  # PackInputs would pack them


class DeviceImages:
    """Images and labels of a data set, before its pipeline, in a device's memory.

    Args:
        dataset: data set whose annotations have ``img``, ``(H, W)`` or ``(H, W, 3)``
            uint8, all of one size, and one label each.
        meta_keys: of the annotations that go into the data samples.
        device: where to keep them.

    Attributes:
        size: height and width of the images.
        channels: 1 or 3.

    Raises:
        TypeError: if the data set does not tell its annotations, or they have no
            images.
        ValueError: if images differ in size, are not uint8, or have several labels.
    """

    def __init__(
        self, dataset: Any, meta_keys: Collection[str], device: torch.device
    ) -> None:
        images, self._meta = _read(dataset, meta_keys)
        self.size: tuple[int, int] = images.shape[1:3]
        self.channels = images.shape[3]
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        self._images = self._images.to(device)
        labels = torch.from_numpy(dataset_labels(dataset)).to(device)
        self._labels = labels.split(1)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self._images.device

    def images(self, indices: np.ndarray) -> Tensor:
        """Copy some of the images: ``(N,)`` to ``(N, C, H, W)`` uint8."""
        return self._images[to_device(indices, self.device)]

    def samples(self, indices: Sequence[int]) -> list[DataSample]:
        """New data samples with label and meta information."""
        return [self._sample(index) for index in indices]

    def _sample(self, index: int) -> DataSample:
        # As MMPretrain restores samples from loader workers; DataSample() and its
        # setters would take ten times as long. Models may change samples, so that none
        # is used again.
        sample = DataSample.__new__(DataSample)
        meta = self._meta[index]
        sample.__dict__.update(
            meta,
            gt_label=self._labels[index],
            _metainfo_fields=set(meta),
            _data_fields={'gt_label'},
        )
        return sample


def _read(
    dataset: Any, meta_keys: Collection[str]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Images, ``(N, H, W, C)`` uint8, and the meta information of each."""
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(
            f'Expected {type(dataset).__name__} to have `get_data_info`, as the data '
            'sets of MMEngine do: train with the ordinary loop.'
        )
    images: np.ndarray | None = None
    meta = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        image = _checked_image(dataset, index, info)
        if images is None:
            images = np.empty((len(dataset), *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            raise ValueError(
                f'Expected images of one size, but that of sample {index} is '
                f'{image.shape}, and the first {images.shape[1:]}: train with the '
                'ordinary loop.'
            )
        images[index] = image
        meta.append({key: info[key] for key in meta_keys if key in info})
    if images is None:
        raise ValueError(f'Expected images, but {type(dataset).__name__} is empty.')
    return images, meta


def _checked_image(dataset: Any, index: int, info: dict) -> np.ndarray:
    """Image of an annotation, ``(H, W, C)`` uint8."""
    name = type(dataset).__name__
    if 'img' not in info:
        raise TypeError(
            f'Expected annotations with images (`img`), as those of ArrayDataset, but '
            f'sample {index} of {name} has none: train with the ordinary loop.'
        )
    for key in REFUSED:
        if key in info:
            raise ValueError(
                f'Expected samples with a label alone, but sample {index} of {name} '
                f'has `{key}`: train with the ordinary loop.'
            )
    image = np.asarray(info['img'])
    image = image[..., None] if image.ndim == 2 else image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f'Expected images, (H, W) or (H, W, 3) uint8, but that of sample {index} '
            f'of {name} is {image.shape} {image.dtype}.'
        )
    return image


def epoch_batches(
    data: DeviceImages,
    augmentation: Augmentation,
    batches: Sequence[Sequence[int]],
    rng: np.random.Generator,
    skipped: int = 0,
    chunk_size: int = 4096,
) -> Iterator[dict]:
    """Yield batches as MMPretrain's data preprocessor takes them.

    Many batches are augmented together, which costs hardly more than one: on a GPU, the
    number of operations counts, not their size.

    Args:
        data: images to draw from, on the device of ``augmentation``.
        augmentation: what to do with them.
        batches: indices of each batch.
        rng: source of all random choices of the epoch.
        skipped: images of the epoch that came before ``batches``. Their choices are
            drawn as well, so that the others are the same as in a whole epoch.
        chunk_size: images to augment at a time, rounded down to whole batches; at least
            one batch.

    Yields:
        ``inputs``, ``(N, C, H, W)`` uint8, and ``data_samples``, a list.
    """
    lengths = [len(batch) for batch in batches]
    draws = augmentation.draw(rng, skipped + sum(lengths))
    together = max(1, chunk_size // max(lengths, default=1))
    end = skipped
    for first in range(0, len(batches), together):
        chunk = batches[first : first + together]
        start, end = end, end + sum(map(len, chunk))
        images = augmentation(
            data.images(np.concatenate(chunk)), [draw[start:end] for draw in draws]
        )
        parts = images.split(lengths[first : first + together])
        for batch, inputs in zip(chunk, parts, strict=True):
            yield dict(inputs=inputs, data_samples=data.samples(batch))
