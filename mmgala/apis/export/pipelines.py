"""What a test pipeline does to images, for those who serve an exported model."""

from collections.abc import Mapping, Sequence
from typing import Any

Pipeline = Sequence[Mapping[str, Any]]
LOADERS = ('LoadImageFromFile',)  # OpenCV's order, with any decoder


def short_name(transform: Mapping[str, Any]) -> str:
    """Class name of a transform, without scope."""
    kind = transform['type']
    name = kind if isinstance(kind, str) else kind.__name__
    return name.replace('/', '.').rpartition('.')[2]


def is_bgr(pipeline: Pipeline, to_rgb: bool) -> bool:
    """Whether a model is given images in BGR order.

    Data sets that hold images in memory give RGB; images from files are read as BGR.

    Args:
        pipeline: of the test set.
        to_rgb: whether the data preprocessor reverses the channels after it.
    """
    reversals = sum(short_name(transform) in LOADERS for transform in pipeline)
    for transform in pipeline:
        # From BGR to RGB, or back: both are the same.
        reversals += bool(transform.get('to_rgb')) + bool(transform.get('to_bgr'))
    return bool((reversals + to_rgb) % 2)


def central_share(pipeline: Pipeline) -> float:
    """Share of an image's short side that a centre crop keeps, from above 0 to 1.

    224 / 256 for the usual pipeline that resizes the short side to 256 and crops 224;
    1 where nothing is cropped.
    """
    edge: float | None = None
    for transform in pipeline:
        name = short_name(transform)
        if name in ('ResizeEdge', 'Resize') and isinstance(transform.get('scale'), int):
            edge = transform['scale']
        elif name == 'CenterCrop' and edge:
            size = transform.get('crop_size', edge)
            return min(1.0, (size if isinstance(size, int) else min(size)) / edge)
    return 1.0
