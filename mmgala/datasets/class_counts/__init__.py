"""Number of training images per class in public long-tailed benchmarks."""

import json
from importlib import resources

BENCHMARKS = ('imagenet-lt', 'places-lt', 'inaturalist2018')


def official_class_counts(name: str) -> list[int]:
    """Number of training images per class, counted from the official lists.

    Args:
        name: ``'imagenet-lt'``, ``'places-lt'`` or ``'inaturalist2018'``.

    Returns:
        1000, 365 or 8142 counts in label order.

    Raises:
        ValueError: if ``name`` is unknown.

    Examples:
        >>> sum(official_class_counts('places-lt'))
        62500
    """
    if name not in BENCHMARKS:
        raise ValueError(
            f'Expected `name` to be one of {BENCHMARKS}, but got {name!r}.'
        )
    return json.loads(resources.files(__name__).joinpath(f'{name}.json').read_text())


def plankton_class_counts() -> dict[str, int]:
    """Number of images per class of PlanktonSet 1.0, which has no official split.

    Returns:
        Counts by class name in label order: 121 classes, 30,336 images in total.
    """
    return json.loads(resources.files(__name__).joinpath('plankton.json').read_text())
