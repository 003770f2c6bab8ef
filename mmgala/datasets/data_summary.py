"""A small table of what was counted in a training set."""

from collections.abc import Sequence

import numpy as np
import torch
from tabulate import tabulate

from mmgala.datasets.labels import ClassCounts
from mmgala.functional.longtail import SHOT_GROUPS, ShotThresholds
from mmgala.utils.text import visible


def summary_table(
    counts: ClassCounts,
    thresholds: ShotThresholds,
    names: Sequence[str] = (),
    unit: str = 'images',
) -> str:
    """Classes, images and shot groups of a training set, and its extreme classes.

    Args:
        counts: of C classes.
        thresholds: shot thresholds.
        names: names of the classes. Defaults to their numbers.
        unit: what is counted, in the plural.

    Examples:
        >>> counts = ClassCounts(images=[120, 60, 3], draws=[120, 60, 12])
        >>> print(summary_table(counts, ShotThresholds(), ['ant', 'bee', 'cat']))
        training set         classes    images    draws
        -----------------  ---------  --------  -------
        all                        3       183      192
        many: over 100             1       120      120
        medium: 20 to 100          1        60       60
        few: under 20              1         3       12
        largest: ant               1       120      120
        smallest: cat              1         3       12
    """
    images, draws = np.array(counts.images), np.array(counts.draws)
    known = len(names) == len(images)
    group = thresholds.group_of(torch.from_numpy(images)).numpy()
    rows: dict[str, np.ndarray] = {'all': np.arange(len(images))}
    for index, title in enumerate(group_titles(thresholds)):
        rows[title] = np.flatnonzero(group == index)
    for title, c in (
        ('largest', int(images.argmax())),
        ('smallest', int(images.argmin())),
    ):
        rows[f'{title}: {visible(str(names[c])) if known else c}'] = np.array([c])
    columns = [images] if counts.images == counts.draws else [images, draws]
    return tabulate(
        [
            [
                title,
                len(classes) or 'none',
                *(column[classes].sum() for column in columns),
            ]
            for title, classes in rows.items()
        ],
        ['training set', 'classes', unit, 'draws'][: len(columns) + 2],
        colalign=['left', *['right'] * (len(columns) + 1)],
        disable_numparse=True,
    )


def group_titles(thresholds: ShotThresholds) -> list[str]:
    """Each shot group with its range of training images.

    Examples:
        >>> group_titles(ShotThresholds())
        ['many: over 100', 'medium: 20 to 100', 'few: under 20']
    """
    many, few = thresholds.many, thresholds.few
    ranges = (f'over {many}', f'{few} to {many}', f'under {few}')
    return [
        f'{name}: {limits}' for name, limits in zip(SHOT_GROUPS, ranges, strict=True)
    ]
