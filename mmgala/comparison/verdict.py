"""Conclusions of a comparison in sentences, with confidence intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmgala.comparison.results import Row, leading_metric
from mmgala.functional import METRIC_NAMES, SHOT_GROUPS
from mmgala.utils.tables import mean_and_spread


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    targets: np.ndarray,
    draws: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
    class_mean: bool = False,
) -> tuple[float, float]:
    """Bootstrap percentile interval of ``second``'s accuracy minus ``first``'s.

    Each draw resamples, with replacement,

    * the test samples *within each class*, since a test set has fixed class sizes;
      the same draw is used for both methods and all seeds;
    * the seeds, in pairs, as runs with equal seeds have the same order of samples and,
      with heads of one shape, the same initial weights.

    With one seed, the interval reflects the choice of the test samples, but not the
    variation between trainings. With few seeds, it is too short if they differ much:
    with three, it never exceeds the range of their three differences.

    Args:
        first: whether each test sample is classified correctly, ``(seeds, N)``.
        second: the same for another method, with the same seeds in the same order.
        targets: class of each test sample, ``(N,)``.
        draws: number of resamples.
        confidence: fraction of the draws within the interval.
        seed: seed of the resampling.
        class_mean: whether to use the mean over classes instead of top-1.

    Returns:
        Lower and upper limit, in percentage points.

    Raises:
        ValueError: if the shapes do not match.
    """
    if first.shape != second.shape or first.shape[1:] != targets.shape:
        raise ValueError(
            f'Expected paired runs of {targets.shape} samples, but got {first.shape} '
            f'and {second.shape}.'
        )
    rng = np.random.default_rng(seed)
    num_seeds = len(first)
    shares = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), draws)
    # Samples of a class with equal differences on all seeds are interchangeable, so it
    # suffices to draw the number of samples of each such kind.
    differences = second.astype(np.int8) - first
    gains = np.zeros((draws, num_seeds))
    for label in np.unique(targets):
        of_class = differences[:, targets == label]
        kinds, sizes = np.unique(of_class, axis=1, return_counts=True)
        counts = rng.multinomial(sizes.sum(), sizes / sizes.sum(), draws)
        gains += counts @ kinds.T * (1 / sizes.sum() if class_mean else 1)
    weight = len(np.unique(targets)) if class_mean else len(targets)
    means = (gains * shares).sum(axis=1) / (num_seeds * weight)
    tail = (1 - confidence) / 2
    low, high = np.quantile(100 * means, (tail, 1 - tail))
    return float(low), float(high)


# How often, in percent, the interval covers the true difference if all variation comes
# from the seeds, by the number of seeds: simulated with normally distributed values.
COVERAGE = {2: 50, 3: 75, 4: 80, 5: 83}


@dataclass(frozen=True)
class Interval:
    """Difference between two rows in the leading metric, in percentage points.

    Attributes:
        mean: mean over their common seeds.
        low: lower limit of the interval.
        high: upper limit.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})'


def difference(first: Row, row: Row, targets: np.ndarray) -> Interval | None:
    """Difference from the first row on their common seeds; None if there are none."""
    common = [seed for seed in first.seeds if seed in row.seeds]
    if not common:
        return None
    a, b = (r.correct[[list(r.seeds).index(s) for s in common]] for r in (first, row))
    class_mean = leading_metric(targets) == 'class_mean'
    weight = np.full(len(targets), 1 / len(targets))
    if class_mean:
        _, inverse, sizes = np.unique(targets, return_inverse=True, return_counts=True)
        weight = 1 / (len(sizes) * sizes[inverse])
    mean = 100 * float((b.mean(axis=0) - a.mean(axis=0)) @ weight)
    return Interval(mean, *paired_difference(a, b, targets, class_mean=class_mean))


def differences(
    first: Row | None, rows: Sequence[Row], targets: np.ndarray
) -> dict[str, Interval | None]:
    """Differences of the other rows from the first, by name; empty without a first."""
    if first is None:
        return {}
    others = [row for row in rows if row.name != first.name]
    return {row.name: difference(first, row, targets) for row in others}


def verdict(
    rows: Sequence[Row], over_first: Mapping[str, Interval | None], targets: np.ndarray
) -> list[str]:
    """Sentences on the highest row, differences from the first, and the Pareto front.

    They describe the test set. The highest of many rows is partly the luckiest: choose
    a method by its interval, not by its place in the table.

    Args:
        rows: rows of the table.
        over_first: result of :func:`differences` from the first method's plain row.
        targets: labels of the test set, ``(N,)``.

    Returns:
        Sentences; none if there are fewer than two rows.
    """
    if len(rows) < 2:
        return []
    lead = METRIC_NAMES[leading_metric(targets)]
    sentences = [_highest(rows, targets), *_against_first(rows, over_first, lead)]
    return [*sentences, *_front(rows)]


def _highest(rows: Sequence[Row], targets: np.ndarray) -> str:
    lead = leading_metric(targets)
    best = max(rows, key=lambda row: np.mean([run[lead] for run in row.runs]))
    behind = differences(best, rows, targets)
    equal = [name for name, gap in behind.items() if gap is None or gap.high >= 0]
    value = mean_and_spread([run[lead] for run in best.runs])
    others = [name for name in behind if name not in equal]
    return (
        f'Highest {METRIC_NAMES[lead]}: {best.name}, {value}. Not significantly '
        'different (the 95 % interval of the difference includes 0): '
        f'{_names(equal, others)}.'
    )


def _against_first(
    rows: Sequence[Row], over_first: Mapping[str, Interval | None], lead: str
) -> list[str]:
    found = {name: gap for name, gap in over_first.items() if gap is not None}
    if not found:
        return []
    first = next(row.name for row in rows if row.name not in over_first)

    def names_of(fits: Callable[[Interval], bool]) -> str:
        names = [name for name, gap in found.items() if fits(gap)]
        return _names(names, [name for name in found if name not in names])

    return [
        f'Significantly better than {first} in {lead} (interval above 0): '
        f'{names_of(lambda gap: gap.low > 0)}. Significantly worse (interval below 0): '
        f'{names_of(lambda gap: gap.high < 0)}.'
    ]


def _names(names: Sequence[str], others: Sequence[str]) -> str:
    """List the names, or the exceptions if these are far fewer."""
    if not names:
        return 'none'
    if len(names) > 3 and 3 * len(others) <= len(names):
        return f'all but {", ".join(others)}' if others else 'all the others'
    return ', '.join(names)


def present_groups(rows: Sequence[Row]) -> list[str]:
    """Shot groups that have classes, head first."""
    return [group for group in SHOT_GROUPS if rows and group in rows[0].runs[0]]


def pareto_front(values: np.ndarray) -> np.ndarray:
    """Find the Pareto-optimal points.

    Args:
        values: ``(N, 2)`` values; higher is better.

    Returns:
        ``(N,)`` bool.

    Examples:
        >>> pareto_front(np.array([[90, 10], [80, 40], [80, 30]])).tolist()
        [True, True, False]
    """
    no_worse = (values[:, None] >= values).all(axis=2)
    better = (values[:, None] > values).any(axis=2)
    return np.logical_not((no_worse & better).any(axis=0))


def _front(rows: Sequence[Row]) -> list[str]:
    groups = present_groups(rows)
    if len(groups) < 2:
        return []
    ends = (groups[0], groups[-1])
    means = [[np.mean([run[end] for run in row.runs]) for end in ends] for row in rows]
    front = pareto_front(np.array(means))
    names = [row.name for row, on_front in zip(rows, front, strict=True) if on_front]
    return [
        f'Pareto-optimal in {ends[0]}- and {ends[1]}-shot accuracy: {", ".join(names)}.'
    ]


def seeds_warning(num_seeds: int) -> str | None:
    """Limits of intervals from few seeds; None from six seeds on."""
    if num_seeds == 1:
        return (
            'With one seed they do not cover the variation between trainings: use '
            'three or more to choose a method.'
        )
    if num_seeds not in COVERAGE:
        return None
    return (
        f'{num_seeds} seeds are few: if results vary more with the seed than with the '
        'test images, these intervals are too short, and cover the true difference in '
        f'about {COVERAGE[num_seeds]} % of cases instead of 95 %.'
    )
