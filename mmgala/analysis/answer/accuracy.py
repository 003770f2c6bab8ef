"""Which row is best, by how much, and how sure that is."""

from mmgala.analysis.answer.compared import Compared, Line
from mmgala.analysis.answer.words import (
    LEADS,
    counted,
    points,
    sentence,
    some_of,
    value,
    within,
)
from mmgala.analysis.intervals import Interval, accuracy_estimate
from mmgala.analysis.rows import Row


def accuracy_line(about: Compared) -> Line:
    """The highest row and its distance from the first and from the others."""
    if len(about.rows) == 1:
        return Line('accuracy', _alone(about, about.base))
    if len(about.level) == len(about.rows):
        return Line('accuracy', _no_difference(about))
    parts = [_highest(about), *_rivals(about), *_against_first(about)]
    return Line('accuracy', ' '.join(parts))


def _alone(about: Compared, row: Row) -> str:
    estimate = accuracy_estimate(
        row.correct, about.targets, class_mean=about.lead == 'class_mean'
    ).interval()
    images = counted(len(about.targets), 'test image')
    return (
        f'{row.name} reaches {value(row, about.lead)} in {LEADS[about.lead]}, on '
        f'{images} (95 % interval {estimate.low:.1f} to {estimate.high:.1f}).'
    )


def _no_difference(about: Compared) -> str:
    assert about.contrast is not None  # there are several rows
    first, other = about.contrast
    gap = about.differences.all_from(first)[other.name]
    lead = LEADS[about.lead]
    if len(about.rows) == 2:
        return (
            f'{first.name} and {other.name} do not differ beyond chance in {lead}: '
            f'{value(first, about.lead)} and {value(other, about.lead)}, a difference '
            f'of {points(gap.mean)} (95 % interval {within(gap)}).'
        )
    best = about.best
    ahead = f'; {_over(gap, first)}' if best is other else ''
    text = (
        f'None of the {len(about.rows)} results is best beyond chance in {lead}. The '
        f'highest is {best.name}: {value(best, about.lead)}{_seeds(best)}{ahead}.'
    )
    return ' '.join([text, *_against_first(about)])


def _highest(about: Compared) -> str:
    best, first = about.best, about.base
    is_best = 'has the highest' if len(about.level) > 1 else 'is best in'
    text = (
        f'{best.name} {is_best} {LEADS[about.lead]}: {value(best, about.lead)}'
        f'{_seeds(best)}'
    )
    if best is not first:
        gap = about.differences.all_from(first)[best.name]
        return f'{text}, {_over(gap, first)}.'
    others = [row for row in about.rows if row is not best]
    second = max(others, key=lambda row: row.mean(about.lead))
    gap = about.differences.all_from(second)[best.name]
    return f'{text}, {_over(gap, second)}{", the next" * (len(others) > 1)}.'


def _over(gap: Interval, other: Row) -> str:
    chance = '' if gap.beyond_chance else ', within chance'
    return f'{points(gap.mean)} over {other.name} (95 % interval {within(gap)}{chance})'


def _seeds(row: Row) -> str:
    if len(row.seeds) == 1:
        return ''
    return f' (mean ± standard deviation of {len(row.seeds)} seeds)'


def _rivals(about: Compared) -> list[str]:
    """Which other rows may be as good as the highest."""
    rivals = [row.name for row in about.level[1:]]
    if not rivals:
        return []
    behind = [row.name for row in about.rows if row not in about.level]
    verb = 'is' if len(rivals) == 1 else 'are'
    return [sentence(f'{some_of(rivals, behind)} {verb} within chance of it')]


def _against_first(about: Compared) -> list[str]:
    """Which rows are better or worse than the first, if there are several others."""
    gaps = about.differences.all_from(about.base)
    if len(gaps) < 2:
        return []
    kinds = {
        'better': [name for name, gap in gaps.items() if gap.low > 0],
        'worse': [name for name, gap in gaps.items() if gap.high < 0],
    }
    if (kinds['better'], kinds['worse']) == ([about.best.name], []):
        return []  # that has been said
    found: list[str] = []
    for kind, names in kinds.items():
        others = [name for name in gaps if name not in names]
        if names:
            than = '' if found else f' than {about.base.name} beyond chance'
            found.append(f'{kind}{than}: {some_of(names, others)}')
    return [sentence('; '.join(found))] if found else []
