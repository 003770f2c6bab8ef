"""Whether a resumed training goes on with the data that it started with."""

from collections.abc import Sequence
from typing import Any

from mmgala.datasets.labels import ClassCounts

REMEDY = (
    '--resume continues a training on the same data: give it these, or start a new '
    'training from the weights with --cfg-options load_from={path}.'
)


def require_same_counts(
    checkpoint_meta: dict[str, Any],
    path: str,
    counted: ClassCounts,
    names: Sequence[str] = (),
) -> None:
    """Check that a training set has as many samples of each class as before.

    Otherwise, statistics and class counts of losses would be of two data sets.

    Args:
        checkpoint_meta: ``checkpoint['meta']`` of the training to resume; without class
            counts, nothing is checked.
        path: path of the checkpoint, for the error message.
        counted: of the training set, in the order of the classes of the checkpoint.
        names: class names, if they are known.

    Raises:
        ValueError: if a number differs.
    """
    images = checkpoint_meta.get('class_counts')
    if images is None:
        return
    draws = checkpoint_meta.get('class_draws', images)
    for unit, before, now in (
        ('images', list(images), counted.images),
        ('samples in an epoch', list(draws), counted.draws),
    ):
        if before != now:
            raise ValueError(
                f'Checkpoint {path} was trained on other data: '
                f'{_difference(before, now, unit, names)}. {REMEDY.format(path=path)}'
            )


def _difference(
    before: Sequence[int], now: Sequence[int], unit: str, names: Sequence[str]
) -> str:
    if len(before) != len(now):
        return f'on {len(before)} classes, and the training set has {len(now)}'
    changed = [i for i, (old, new) in enumerate(zip(before, now, strict=True))
               if old != new]  # fmt: skip
    first = changed[0]
    name = f'class {names[first]!r}' if len(names) == len(now) else f'class {first}'
    others = f', and {len(changed) - 1} other classes differ' if changed[1:] else ''
    return f'{name} had {before[first]} {unit} and now has {now[first]}{others}'
