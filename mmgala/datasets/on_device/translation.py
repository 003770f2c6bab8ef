"""Pipeline of a data set that may be wrapped."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
from mmengine.dataset import BaseDataset, Compose
from mmpretrain.datasets.transforms import NumpyToPIL, PackInputs, PILToNumpy
from mmpretrain.datasets.transforms.processing import TorchVisonTransformWrapper
from torch import Tensor, nn
from torchvision.transforms import RandomCrop, RandomHorizontalFlip

from mmgala.datasets.on_device.auto_augment import BatchedCIFARAutoAugment
from mmgala.datasets.on_device.transforms import (
    BatchedCutout,
    BatchedHorizontalFlip,
    BatchedRandomCrop,
    BatchedStep,
    ChannelReversal,
)
from mmgala.datasets.transforms import CIFARAutoAugment, Cutout


def find_pipeline(dataset: Any) -> Compose:
    """Find the pipeline that all samples of a data set go through.

    Args:
        dataset: MMEngine's or MMPretrain's data set, in any number of wrappers that
            have ``dataset`` or ``datasets``.

    Raises:
        TypeError: if it is another kind of data set, or prepares samples in its own
            way.
        ValueError: if parts of it have different pipelines.
    """
    first, *others = _pipelines(dataset)
    if any(_options(other) != _options(first) for other in others):
        raise ValueError(
            f'Expected one pipeline for all samples, but parts of '
            f'{type(dataset).__name__} have different ones: give them the same, or '
            'train with the ordinary loop.'
        )
    return first


def _pipelines(dataset: Any) -> list[Compose]:
    name = type(dataset).__name__
    if hasattr(dataset, 'pipeline'):
        prepare = getattr(dataset, 'prepare_data', None)
        if getattr(prepare, '__func__', None) is not BaseDataset.prepare_data:
            raise TypeError(
                f'Expected a data set whose samples are its annotations after its '
                f'pipeline, but {name} prepares them in its own way: train with the '
                'ordinary loop.'
            )
        return [dataset.pipeline]
    parts = getattr(dataset, 'datasets', None)
    if parts is None and hasattr(dataset, 'dataset'):
        parts = [dataset.dataset]
    if not parts:
        raise TypeError(
            f"Expected MMEngine's or MMPretrain's data set, but {name} has no "
            '`pipeline`: train with the ordinary loop.'
        )
    return [pipeline for part in parts for pipeline in _pipelines(part)]


def unwrapped(transform: Any) -> Any:
    """Transform itself, or that of torchvision which MMPretrain has wrapped."""
    if isinstance(transform, TorchVisonTransformWrapper):
        return transform.t
    return transform


def _options(pipeline: Compose) -> list[tuple[type, dict]]:
    transforms = map(unwrapped, pipeline.transforms)
    return [(type(transform), vars(transform)) for transform in transforms]


Size = tuple[int, int]
Steps = list[BatchedStep]


class Augmentation(nn.Module):
    """The random transforms of a pipeline, for batches.

    Args:
        steps: transforms in their order.
    """

    def __init__(self, steps: Sequence[BatchedStep]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def draw(self, rng: np.random.Generator, count: int) -> list[np.ndarray]:
        """Make the random choices for a number of images, one array a transform."""
        steps = cast(Iterable[BatchedStep], self.steps)
        return [step.draw(rng, count) for step in steps]

    def forward(self, images: Tensor, draws: Sequence[np.ndarray]) -> Tensor:
        """Transform ``(N, C, H, W)`` uint8 images, which may change in place."""
        for step, choices in zip(self.steps, draws, strict=True):
            images = step(images, choices)
        return images


def translate(pipeline: Compose, size: Size, channels: int) -> Augmentation:
    """Find the batched transforms that equal those of a pipeline.

    Args:
        pipeline: ends with ``PackInputs``.
        size: height and width of the images that go in.
        channels: of the images that go in.

    Raises:
        ValueError: on a transform, or an option of one, that has no batched version.
    """
    *transforms, _ = checked_transforms(pipeline)
    steps: Steps = []
    for transform in transforms:
        inner = unwrapped(transform)
        steps += TRANSLATORS[type(inner)](inner, size, channels)
        size = steps[-1].out_size if steps else size
    return Augmentation(steps)


def checked_transforms(pipeline: Compose) -> list[Any]:
    """Transforms of a pipeline, all of known kinds.

    Raises:
        ValueError: on an unknown transform, or if the last is not ``PackInputs``.
    """
    *transforms, last = pipeline.transforms or [None]
    for transform in transforms:
        if type(unwrapped(transform)) not in TRANSLATORS:
            raise _unknown(transform)
    if not isinstance(last, PackInputs):
        raise ValueError(
            f'Expected a pipeline that ends with PackInputs, but got {last!r}.'
        )
    if last.input_key != 'img' or last.algorithm_keys:
        raise _unknown(last)
    return pipeline.transforms


def _unknown(transform: Any) -> ValueError:
    known = ', '.join(kind.__name__ for kind in TRANSLATORS)
    return ValueError(
        f'Expected transforms that have a version for the device ({known}, '
        f'PackInputs), but got {transform!r}: train with the ordinary loop, '
        'train_cfg=dict(by_epoch=True, max_epochs=...).'
    )


def _crop(transform: RandomCrop, size: Size, channels: int) -> Steps:
    constant = transform.padding_mode == 'constant' and isinstance(transform.fill, int)
    if transform.pad_if_needed or not constant:
        raise _unknown(transform)
    padding = transform.padding or 0
    sides = (padding,) if isinstance(padding, int) else tuple(padding)
    left, top, right, bottom = sides * (4 // len(sides))
    return [
        BatchedRandomCrop(
            size, tuple(transform.size), (left, top, right, bottom), transform.fill
        )
    ]


def _flip(transform: RandomHorizontalFlip, size: Size, channels: int) -> Steps:
    return [BatchedHorizontalFlip(size, transform.p)]


def _auto_augment(transform: CIFARAutoAugment, size: Size, channels: int) -> Steps:
    if channels != 3:
        raise ValueError(f'Expected RGB images for {transform!r}, but got grey ones.')
    return [BatchedCIFARAutoAugment(size, transform.fill)]


def _cutout(transform: Cutout, size: Size, channels: int) -> Steps:
    return [BatchedCutout(size, transform.size, transform.fill)]


def _to_pil(transform: NumpyToPIL, size: Size, channels: int) -> Steps:
    return [ChannelReversal(size)] if transform.to_rgb else []


def _to_numpy(transform: PILToNumpy, size: Size, channels: int) -> Steps:
    if transform.dtype is not None:
        raise _unknown(transform)
    return [ChannelReversal(size)] if transform.to_bgr else []


TRANSLATORS: dict[type, Callable[[Any, Size, int], Steps]] = {
    NumpyToPIL: _to_pil,
    RandomCrop: _crop,
    RandomHorizontalFlip: _flip,
    CIFARAutoAugment: _auto_augment,
    PILToNumpy: _to_numpy,
    Cutout: _cutout,
}
