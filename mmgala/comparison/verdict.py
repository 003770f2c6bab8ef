"""What the numbers of a comparison say, in plain sentences, and how sure they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmgala.comparison.pareto import pareto_front
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
    """Percentile interval of ``second``'s accuracy over ``first``'s, in points.

    Resampled with replacement are, at once,

    * the test samples *within each class*, since a test set has fixed class sizes;
      both methods and all seeds are counted on the same draw;
    * the seeds; both methods are counted on the same ones, as equal seeds shuffle
      alike and, with heads of one shape, start alike.

    With one seed the interval says what the test sample leaves open, and nothing of
    how trainings differ. With few, it is too short where seeds differ much: of three
    seeds it is no wider than their three differences.

    Args:
        first: whether each test sample is predicted right, ``(seeds, N)``.
        second: of another method with the same seeds, in the same order.
        targets: class of each test sample, ``(N,)``.
        draws: resamples.
        confidence: share of the draws within the interval.
        seed: of the drawing.
        class_mean: take the mean of the classes' accuracies instead of top-1.

    Returns:
        Lower and upper end, in percentage points.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if first.shape != second.shape or first.shape[1:] != targets.shape:
        raise ValueError(
            f'Expected paired runs of {targets.shape} samples, but got {first.shape} '
            f'and {second.shape}.'
        )
    rng = np.random.default_rng(seed)
    num_seeds = len(first)
    shares = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), draws)
    # Samples of a class that behave alike on all seeds are alike to the draw: counting
    # them first makes each draw as short as there are such kinds.
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


# How often the interval of so many seeds holds the true difference, in percent, where
# it is the seeds that differ and not the test images: measured on normal values.
COVERAGE = {2: 50, 3: 75, 4: 80, 5: 83}


@dataclass(frozen=True)
class Interval:
    """Difference of two rows' leading metric, in points.

    Attributes:
        mean: over their common seeds.
        low: end of the interval.
        high: other end.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})'


def difference(first: Row, row: Row, targets: np.ndarray) -> Interval | None:
    """A row's leading metric over the first's, on common seeds; None without any."""
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
    """Differences of all other rows, by their names; nothing without a first."""
    if first is None:
        return {}
    others = [row for row in rows if row.name != first.name]
    return {row.name: difference(first, row, targets) for row in others}


def verdict(
    rows: Sequence[Row], over_first: Mapping[str, Interval | None], targets: np.ndarray
) -> list[str]:
    """Sentences: the highest row, those that differ from the first, the Pareto front.

    They describe the test set. The highest of many rows is partly the luckiest: choose
    a method by its interval, not by its place in the table.

    Args:
        rows: of the table.
        over_first: of :func:`differences`, with the first method's raw row.
        targets: labels of the test set, ``(N,)``.

    Returns:
        A sentence each; none where there are fewer than two rows.
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
    """Names, or the exceptions where these are far fewer."""
    if not names:
        return 'none'
    if len(names) > 3 and 3 * len(others) <= len(names):
        return f'all but {", ".join(others)}' if others else 'all the others'
    return ', '.join(names)


def groups_of(rows: Sequence[Row]) -> list[str]:
    """Shot groups that have classes, head first."""
    return [group for group in SHOT_GROUPS if rows and group in rows[0].runs[0]]


def _front(rows: Sequence[Row]) -> list[str]:
    groups = groups_of(rows)
    if len(groups) < 2:
        return []
    ends = (groups[0], groups[-1])
    means = [[np.mean([run[end] for run in row.runs]) for end in ends] for row in rows]
    front = pareto_front(np.array(means))
    names = [row.name for row, on_front in zip(rows, front, strict=True) if on_front]
    return [
        f'Pareto-optimal in {ends[0]}- and {ends[1]}-shot accuracy: {", ".join(names)}.'
    ]


def caution(num_seeds: int) -> str | None:
    """What intervals of so few seeds leave out; None from six on."""
    if num_seeds == 1:
        return (
            'With one seed they say nothing of how trainings differ: take three or '
            'more before you choose.'
        )
    if num_seeds not in COVERAGE:
        return None
    return (
        f'{num_seeds} seeds are few: where methods differ by the seed more than by the '
        'test images, such intervals are too short, and hold the true difference in '
        f'about {COVERAGE[num_seeds]} % of cases instead of 95 %.'
    )
