"""What the tail gained and what the head lost."""

import math
from collections.abc import Sequence

import numpy as np

from mmgala.analysis.answer.compared import Compared, Line
from mmgala.analysis.answer.words import listed, points, within
from mmgala.analysis.intervals import Interval, accuracy_estimate, image_weights
from mmgala.analysis.rows import Row, pareto_front


def groups_lines(about: Compared) -> list[Line]:
    """The shot groups of the first and the highest other row; none for one group."""
    if len(about.groups) < 2:
        return []
    if about.contrast is None:
        return [Line('groups', _tail_behind_head(about, about.base))]
    first, other = about.contrast
    parts = [_changes(about, first, other), *_front(about)]
    if len({row.method for row in about.rows}) == 1:
        parts.insert(0, _tail_behind_head(about, first))
    return [Line('groups', ' '.join(parts))]


def tail_gap(about: Compared, row: Row) -> Interval:
    """Accuracy of the most frequent group minus that of the rarest.

    Both groups have their own test images, so the margins of their intervals are added
    in quadrature (Newcombe, *Statistics in Medicine*, 1998, method 10).
    """
    head, tail = (
        accuracy_estimate(
            row.correct[:, inside], about.targets[inside], class_mean=True
        ).interval()
        for name in (next(iter(about.groups)), list(about.groups)[-1])
        for inside in [np.isin(about.targets, about.groups[name])]
    )
    mean = head.mean - tail.mean
    return Interval(
        mean,
        mean - math.hypot(head.mean - head.low, tail.high - tail.mean),
        mean + math.hypot(head.high - head.mean, tail.mean - tail.low),
    )


def _tail_behind_head(about: Compared, row: Row) -> str:
    head, *_, tail = about.groups
    gap = tail_gap(about, row)
    values = ' against '.join(
        f'{group_mean(row, about.targets, about.groups[name]):.1f} %'
        for name in (tail, head)
    )
    who = f'With {row.name}, {tail}-shot accuracy'
    if not gap.beyond_chance:
        return (
            f'{who} does not differ from {head}-shot accuracy beyond chance: {values} '
            f'(95 % interval of the difference {within(_negative(gap))} points).'
        )
    side = 'below' if gap.mean > 0 else 'above'
    low, high = sorted((abs(gap.low), abs(gap.high)))
    return (
        f'{who} is {abs(gap.mean):.1f} points {side} {head}-shot accuracy: {values} '
        f'(95 % interval {low:.1f} to {high:.1f} points).'
    )


def group_mean(row: Row, targets: np.ndarray, classes: np.ndarray) -> float:
    """Mean accuracy of some classes over the seeds, in percent."""
    inside = np.isin(targets, classes)
    weights = image_weights(targets[inside], class_mean=True)
    return 100 * float(row.correct[:, inside].mean(axis=0) @ weights)


def _negative(gap: Interval) -> Interval:
    return Interval(-gap.mean, -gap.high, -gap.low)


def _changes(about: Compared, first: Row, other: Row) -> str:
    gaps = about.differences.of_groups(first, other, about.groups)
    means = {
        name: [group_mean(row, about.targets, classes) for row in (first, other)]
        for name, classes in about.groups.items()
    }
    tail_first = dict(reversed(gaps.items()))
    changed = [
        f'{name}-shot accuracy {"rises" if gap.mean > 0 else "falls"} from '
        f'{means[name][0]:.1f} to {means[name][1]:.1f} % ({points(gap.mean)}, '
        f'95 % interval {within(gap)})'
        for name, gap in tail_first.items()
        if gap.beyond_chance
    ]
    same = [
        f'{name}-shot ({points(gap.mean)}, {within(gap)})'
        for name, gap in tail_first.items()
        if not gap.beyond_chance
    ]
    start = f'From {first.name} to {other.name}, '
    if not changed:
        return f'{start}no shot group changes beyond chance: {listed(same)}.'
    text = f'{start}{listed(changed)}'
    if same:
        text += f'; {listed(same)} accuracy {"stays" if len(same) == 1 else "stay"} '
        text += 'within chance'
    return f'{text}.'


def _front(about: Compared) -> list[str]:
    """Rows that no other row exceeds in both head and tail, if there are three rows."""
    if len(about.rows) < 3:
        return []
    head, *_, tail = about.groups
    names = front_names(about.rows, (head, tail))
    return [
        f'Not exceeded in both {head}- and {tail}-shot accuracy at once '
        f'(Pareto-optimal): {listed(names)}.'
    ]


def front_names(rows: Sequence[Row], ends: tuple[str, str]) -> list[str]:
    """Names of the rows that are Pareto-optimal in two metrics."""
    means = np.array([[row.mean(end) for end in ends] for row in rows])
    front = pareto_front(means)
    return [row.name for row, on_front in zip(rows, front, strict=True) if on_front]
