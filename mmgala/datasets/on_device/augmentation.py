"""Batched counterpart of a data set's augmentation pipeline."""

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

Size = tuple[int, int]
Steps = list[BatchedStep]


class Augmentation(nn.Module):
    """The random transforms of a pipeline, applied to batches.

    Args:
        steps: batched transforms in order.
    """

    def __init__(self, steps: Sequence[BatchedStep]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def draw(self, rng: np.random.Generator, count: int) -> list[np.ndarray]:
        """Make the random choices for ``count`` images: one array per transform."""
        steps = cast(Iterable[BatchedStep], self.steps)
        return [step.draw(rng, count) for step in steps]

    def forward(self, images: Tensor, draws: Sequence[np.ndarray]) -> Tensor:
        """Transform images.

        Args:
            images: ``(N, C, H, W)`` uint8; may be modified in place.
            draws: random choices for these images, as made by :meth:`draw`.
        """
        for step, choices in zip(self.steps, draws, strict=True):
            images = step(images, choices)
        return images


def find_pipeline(dataset: Any) -> Compose:
    """Return the pipeline that all samples of a data set pass through.

    Args:
        dataset: data set of MMEngine or MMPretrain, inside any number of wrappers with
            an attribute ``dataset`` or ``datasets``.

    Raises:
        TypeError: if it is another kind of data set, or overrides ``prepare_data``.
        ValueError: if its parts have different pipelines.
    """
    first, *others = _pipelines(dataset)
    if any(_options(other) != _options(first) for other in others):
        raise ValueError(
            f'Expected one pipeline for all samples, but parts of '
            f'{type(dataset).__name__} have different ones: use the same pipeline, or '
            'train with the ordinary loop.'
        )
    return first


def _pipelines(dataset: Any) -> list[Compose]:
    name = type(dataset).__name__
    if hasattr(dataset, 'pipeline'):
        prepare = getattr(dataset, 'prepare_data', None)
        if getattr(prepare, '__func__', None) is not BaseDataset.prepare_data:
            raise TypeError(
                f'Expected a data set that only applies its pipeline to its '
                f'annotations, but {name} overrides `prepare_data`: train with the '
                'ordinary loop.'
            )
        return [dataset.pipeline]
    parts = getattr(dataset, 'datasets', None)
    if parts is None and hasattr(dataset, 'dataset'):
        parts = [dataset.dataset]
    if not parts:
        raise TypeError(
            f'Expected a data set of MMEngine or MMPretrain, but {name} has no '
            '`pipeline`: train with the ordinary loop.'
        )
    return [pipeline for part in parts for pipeline in _pipelines(part)]


def _options(pipeline: Compose) -> list[tuple[type, dict]]:
    transforms = map(_unwrap, pipeline.transforms)
    return [(type(transform), vars(transform)) for transform in transforms]


def _unwrap(transform: Any) -> Any:
    """Return torchvision's transform from MMPretrain's wrapper, or any other as is."""
    if isinstance(transform, TorchVisonTransformWrapper):
        return transform.t
    return transform


def build_augmentation(pipeline: Compose, size: Size, channels: int) -> Augmentation:
    """Build the batched counterpart of a pipeline.

    Args:
        pipeline: pipeline that ends with ``PackInputs``.
        size: height and width of the input images.
        channels: number of channels of the input images.

    Raises:
        ValueError: if a transform, or one of its options, has no batched version.
    """
    *transforms, _ = supported_transforms(pipeline)
    steps: Steps = []
    for transform in transforms:
        inner = _unwrap(transform)
        steps += BATCHED_VERSIONS[type(inner)](inner, size, channels)
        size = steps[-1].out_size if steps else size
    return Augmentation(steps)


def supported_transforms(pipeline: Compose) -> list[Any]:
    """Return the transforms of a pipeline after checking that all are supported.

    Raises:
        ValueError: if a transform has no batched version, or the last one is not
            ``PackInputs``.
    """
    *transforms, last = pipeline.transforms or [None]
    for transform in transforms:
        if type(_unwrap(transform)) not in BATCHED_VERSIONS:
            raise _unsupported(transform)
    if not isinstance(last, PackInputs):
        raise ValueError(
            f'Expected a pipeline that ends with PackInputs, but got {last!r}.'
        )
    if last.input_key != 'img' or last.algorithm_keys:
        raise _unsupported(last)
    return pipeline.transforms


def _unsupported(transform: Any) -> ValueError:
    supported = ', '.join(kind.__name__ for kind in BATCHED_VERSIONS)
    return ValueError(
        f'Expected transforms with an on-device version ({supported}, PackInputs), but '
        f'got {transform!r}: train with the ordinary loop, '
        'train_cfg=dict(by_epoch=True, max_epochs=...).'
    )


def _crop(transform: RandomCrop, size: Size, channels: int) -> Steps:
    constant = transform.padding_mode == 'constant' and isinstance(transform.fill, int)
    if transform.pad_if_needed or not constant:
        raise _unsupported(transform)
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
        raise ValueError(
            f'Expected RGB images for {transform!r}, but got greyscale images.'
        )
    return [BatchedCIFARAutoAugment(size, transform.fill)]


def _cutout(transform: Cutout, size: Size, channels: int) -> Steps:
    return [BatchedCutout(size, transform.size, transform.fill)]


def _to_pil(transform: NumpyToPIL, size: Size, channels: int) -> Steps:
    return [ChannelReversal(size)] if transform.to_rgb else []


def _to_numpy(transform: PILToNumpy, size: Size, channels: int) -> Steps:
    if transform.dtype is not None:
        raise _unsupported(transform)
    return [ChannelReversal(size)] if transform.to_bgr else []


# Builder of the batched version of each transform, given the size and the number of
# channels of its input.
BATCHED_VERSIONS: dict[type, Callable[[Any, Size, int], Steps]] = {
    NumpyToPIL: _to_pil,
    RandomCrop: _crop,
    RandomHorizontalFlip: _flip,
    CIFARAutoAugment: _auto_augment,
    PILToNumpy: _to_numpy,
    Cutout: _cutout,
}
