"""Numbers, names and lists as they appear in sentences."""

from collections.abc import Sequence

from mmgala.analysis.intervals import Interval
from mmgala.analysis.rows import Row
from mmgala.utils.tables import mean_and_spread
from mmgala.utils.text import visible

LEADS = {
    'top1': 'top-1 accuracy',
    'class_mean': "class mean (the mean of all classes' accuracies)",
}
# After the first mention.
SHORT_LEADS = {'top1': 'top-1 accuracy', 'class_mean': 'class mean'}
MOST_NAMES = 4
LONGEST_NAME = 40


def counted(number: int, one: str, several: str = '') -> str:
    """A number with its noun.

    Examples:
        >>> counted(1, 'class', 'classes'), counted(1200, 'test image')
        ('1 class', '1,200 test images')
    """
    return f'{number:,} {one if number == 1 else several or f"{one}s"}'


def listed(names: Sequence[str]) -> str:
    """Names with commas and "and".

    Examples:
        >>> listed(['a']), listed(['a', 'b', 'c'])
        ('a', 'a, b and c')
    """
    *others, last = names
    return f'{", ".join(others)} and {last}' if others else last


def some_of(names: Sequence[str], others: Sequence[str] = ()) -> str:
    """The names, or the exceptions if these are far fewer, or the first names.

    Args:
        names: at least one.
        others: names that could also have been in the list.

    Examples:
        >>> some_of(['a', 'b', 'c', 'd', 'e'], ['f'])
        'all but f'
        >>> some_of(['a', 'b', 'c', 'd', 'e'], ['f', 'g', 'h'])
        'a, b, c and 2 more'
    """
    if len(names) > 3 and 3 * len(others) <= len(names):
        return f'all but {listed(others)}' if others else 'all the others'
    if len(names) > MOST_NAMES:
        kept = names[: MOST_NAMES - 1]
        return listed([*kept, f'{len(names) - len(kept)} more'])
    return listed(names)


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop.

    Examples:
        >>> sentence('all the others are worse')
        'All the others are worse.'
    """
    return f'{text[0].upper()}{text[1:]}.'


def points(difference: float) -> str:
    """A difference in percentage points, with its sign; never -0.0.

    Examples:
        >>> points(1.04), points(-0.04)
        ('+1.0 points', '+0.0 points')
    """
    return f'{signed(difference)} points'


def signed(value: float) -> str:
    """A number with its sign and one digit; never -0.0."""
    return f'{round(value, 1) + 0.0:+.1f}'


def within(interval: Interval) -> str:
    """The limits of a difference, such as ``-0.3 to +1.2``."""
    return f'{signed(interval.low)} to {signed(interval.high)}'


def value(row: Row, metric: str) -> str:
    """A metric of a row in percent, with its spread over the seeds."""
    return f'{mean_and_spread([run[metric] for run in row.runs])} %'


def class_name(name: str) -> str:
    """Name of a class, in quotation marks and not too long.

    Examples:
        >>> class_name('cat'), len(class_name('x' * 100))
        ('"cat"', 42)
    """
    text = visible(name)
    if len(text) > LONGEST_NAME:
        text = f'{text[: LONGEST_NAME - 1]}…'
    return f'"{text}"'
