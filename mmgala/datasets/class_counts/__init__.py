"""Training images per class of the public long-tailed benchmarks."""

import json
from importlib import resources

NAMES = ('imagenet-lt', 'places-lt', 'inaturalist2018')


def official_class_counts(name: str) -> list[int]:
    """Training images of each class, as counted on the official lists.

    Args:
        name: ``'imagenet-lt'``, ``'places-lt'`` or ``'inaturalist2018'``.

    Returns:
        1000, 365 or 8142 counts, in the order of the labels.

    Raises:
        ValueError: if ``name`` is another.

    Examples:
        >>> sum(official_class_counts('places-lt'))
        62500
    """
    if name not in NAMES:
        raise ValueError(f'Expected `name` to be one of {NAMES}, but got {name!r}.')
    return json.loads(resources.files(__name__).joinpath(f'{name}.json').read_text())


def plankton_class_counts() -> dict[str, int]:
    """Images of each class of PlanktonSet 1.0, which has no official split.

    Returns:
        Counts by class name, in the order of the labels; 30,336 images of 121 classes.
    """
    return json.loads(resources.files(__name__).joinpath('plankton.json').read_text())
