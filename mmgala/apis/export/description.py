"""What an exported file says about its model, its input and its classes."""

from dataclasses import asdict, dataclass
from typing import Any

from mmengine.model import BaseModel

from mmgala.apis.export.scoring_model import describe_steps
from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_names
from mmgala.version import __version__


@dataclass(frozen=True)
class Description:
    """Content of the metadata, each value in JSON.

    Attributes:
        class_names: names of the classes, in the order of the scores; numbers from 0
            if the checkpoint does not have them.
        class_counts: training images of each class; ``None`` if they are unknown.
        input_size: channels, height and width of the images.
        colour_order: of the images that the file takes: ``'RGB'``, or ``'L'`` for one
            channel of grey.
        pixel_values: ``'from 0 to 255'``, or ``'as the test pipeline gives them'`` if
            that pipeline converts pixels itself.
        mean: subtracted inside the model, for each channel; ``None`` without.
        std: divided by inside the model, for each channel; ``None`` without.
        crop_share: share of the short side of an image that is cropped in its centre
            and resized to ``input_size``; 1 for all of it.
        post_hoc: post-hoc steps inside the model, in words; ``'none'`` without.
        mmgala_version: of the program that wrote the file.
    """

    class_names: list[str]
    class_counts: list[int] | None
    input_size: list[int]
    colour_order: str
    pixel_values: str
    mean: list[float] | None
    std: list[float] | None
    crop_share: float
    post_hoc: str
    mmgala_version: str = __version__

    def as_dict(self) -> dict[str, Any]:
        """The metadata, without values that are unknown."""
        return {k: v for k, v in asdict(self).items() if v is not None}


def describe(
    model: BaseModel,
    checkpoint: dict,
    input_size: tuple[int, ...],
    raw_pixels: bool,
    reversed_channels: bool,
    crop_share: float,
) -> Description:
    """Describe a model that is exported.

    Args:
        model: the trained classifier.
        checkpoint: that it was loaded from.
        input_size: channels, height and width.
        raw_pixels: whether the images are integers from 0 to 255.
        reversed_channels: whether the model was trained on images in BGR order.
        crop_share: see :class:`Description`.
    """
    num_classes = model.head.num_classes
    names = list(stored_class_names(checkpoint)) or list(map(str, range(num_classes)))
    counts = stored_class_counts(checkpoint)
    return Description(
        class_names=names,
        class_counts=None if counts is None else [int(count) for count in counts],
        input_size=list(input_size),
        colour_order='RGB' if input_size[0] == 3 else 'L',
        pixel_values=(
            'from 0 to 255' if raw_pixels else 'as the test pipeline gives them'
        ),
        mean=_channels(model.data_preprocessor, 'mean', reversed_channels),
        std=_channels(model.data_preprocessor, 'std', reversed_channels),
        crop_share=crop_share,
        post_hoc=describe_steps(model.head),
    )


def _channels(preprocessor: Any, name: str, reverse: bool) -> list[float] | None:
    """Mean or deviation of each channel, in RGB order."""
    values = getattr(preprocessor, name, None)
    if values is None:
        return None
    numbers = [round(value, 6) for value in values.flatten().tolist()]
    return numbers[::-1] if reverse else numbers
