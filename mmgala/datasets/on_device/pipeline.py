"""Pipeline of a data set that may be wrapped."""

from typing import Any

from mmengine.dataset import BaseDataset, Compose
from mmpretrain.datasets.transforms.processing import TorchVisonTransformWrapper


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
