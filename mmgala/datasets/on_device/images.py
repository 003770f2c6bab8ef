"""Images of a data set stored on a device, and augmented batches of them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmgala.datasets.labels import dataset_labels
from mmgala.datasets.on_device.augmentation import Augmentation
from mmgala.datasets.on_device.transforms import to_device

UNSUPPORTED = ('gt_score', 'mask')  # annotations that PackInputs would pack


class DeviceImages:
    """Unprocessed images and labels of a data set in a device's memory.

    Args:
        dataset: data set whose annotations have one label and an image ``img``,
            ``(H, W)`` or ``(H, W, 3)`` uint8, all of the same size.
        meta_keys: keys of the annotations to copy to the data samples.
        device: device that stores the images.

    Attributes:
        size: height and width of the images.
        channels: number of channels, 1 or 3.

    Raises:
        TypeError: if the data set does not expose annotations, or those have no images.
        ValueError: if images differ in size, are not uint8, or have several labels.
    """

    def __init__(
        self, dataset: Any, meta_keys: Collection[str], device: torch.device
    ) -> None:
        images, self._meta = _read_images(dataset, meta_keys)
        self.size: tuple[int, int] = images.shape[1:3]
        self.channels = images.shape[3]
        self._images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        self._images = self._images.to(device)
        self._all_labels = torch.from_numpy(dataset_labels(dataset)).to(device)
        self._labels = self._all_labels.split(1)

    @property
    def device(self) -> torch.device:
        """Device that stores the images."""
        return self._images.device

    def images(self, indices: np.ndarray) -> Tensor:
        """Return a copy of the images at ``(N,)`` indices: ``(N, C, H, W)`` uint8."""
        return self._images[to_device(indices, self.device)]

    def labels(self, indices: np.ndarray) -> Tensor:
        """Return the labels of images: ``(N,)`` int64."""
        return self._all_labels[to_device(indices, self.device)]

    def samples(self, indices: Sequence[int]) -> list[DataSample]:
        """Create data samples with label and meta information."""
        return [self._sample(index) for index in indices]

    def _sample(self, index: int) -> DataSample:
        # Set the state directly, as unpickling does: ten times as fast as the setters
        # of DataSample. Samples are not reused, as models may modify them.
        sample = DataSample.__new__(DataSample)
        meta = self._meta[index]
        sample.__dict__.update(
            meta,
            gt_label=self._labels[index],
            _metainfo_fields=set(meta),
            _data_fields={'gt_label'},
        )
        return sample


def augmented_batches(
    data: DeviceImages,
    augmentation: Augmentation,
    batches: Sequence[Sequence[int]],
    rng: np.random.Generator,
    skipped: int = 0,
    chunk_size: int = 4096,
) -> Iterator[tuple[Tensor, Tensor, Sequence[int]]]:
    """Yield augmented images of each batch, their labels and their indices.

    Several batches are augmented at once, which costs hardly more than one: on a GPU,
    time depends on the number of operations rather than on their size.

    Args:
        data: images of the data set, on the device of ``augmentation``.
        augmentation: transforms to apply.
        batches: image indices of each batch.
        rng: random generator for all choices of the epoch.
        skipped: number of images of the epoch that precede ``batches``. Their choices
            are drawn and dropped, so that a resumed epoch equals an uninterrupted one.
        chunk_size: number of images to augment at once, rounded down to whole batches,
            but at least one batch.

    Yields:
        ``(N, C, H, W)`` uint8, ``(N,)`` int64, and N numbers.
    """
    lengths = [len(batch) for batch in batches]
    draws = augmentation.draw(rng, skipped + sum(lengths))
    batches_per_chunk = max(1, chunk_size // max(lengths, default=1))
    end = skipped
    for first in range(0, len(batches), batches_per_chunk):
        chunk = batches[first : first + batches_per_chunk]
        start, end = end, end + sum(map(len, chunk))
        indices = np.concatenate(chunk)
        images = augmentation(data.images(indices), [draw[start:end] for draw in draws])
        sizes = lengths[first : first + batches_per_chunk]
        parts = zip(
            images.split(sizes), data.labels(indices).split(sizes), chunk, strict=True
        )
        yield from parts


def epoch_batches(
    data: DeviceImages, *args: Any, **kwargs: Any
) -> Iterator[dict[str, Any]]:
    """Yield augmented batches in the format of MMPretrain's data preprocessor.

    Args:
        data: images of the data set.
        *args: further arguments of :func:`augmented_batches`.
        **kwargs: likewise.

    Yields:
        A dictionary with ``inputs``, ``(N, C, H, W)`` uint8, and the list
        ``data_samples``.
    """
    for inputs, _, indices in augmented_batches(data, *args, **kwargs):
        yield dict(inputs=inputs, data_samples=data.samples(indices))


def _read_images(
    dataset: Any, meta_keys: Collection[str]
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Read the images, ``(N, H, W, C)`` uint8, and the meta information of each."""
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(
            f'Expected a data set with `get_data_info`, as in MMEngine, but got '
            f'{type(dataset).__name__}: train with the ordinary loop.'
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
                f'Expected images of the same shape, but sample {index} has '
                f'{image.shape} and the first has {images.shape[1:]}: train with the '
                'ordinary loop.'
            )
        images[index] = image
        meta.append({key: info[key] for key in meta_keys if key in info})
    if images is None:
        raise ValueError(f'Expected images, but {type(dataset).__name__} is empty.')
    return images, meta


def _checked_image(dataset: Any, index: int, info: dict) -> np.ndarray:
    """Check an annotation and return its image, ``(H, W, C)`` uint8."""
    name = type(dataset).__name__
    if 'img' not in info:
        raise TypeError(
            f'Expected annotations with an image (`img`), as in ArrayDataset, but '
            f'sample {index} of {name} has none: train with the ordinary loop.'
        )
    for key in UNSUPPORTED:
        if key in info:
            raise ValueError(
                f'Expected samples without `{key}`, but sample {index} of {name} has '
                'it: train with the ordinary loop.'
            )
    image = np.asarray(info['img'])
    image = image[..., None] if image.ndim == 2 else image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f'Expected uint8 images of shape (H, W) or (H, W, 3), but sample {index} '
            f'of {name} has {image.shape} {image.dtype}.'
        )
    return image
