"""What to try next, from what was found."""

import re
from collections.abc import Callable, Iterator

from mmgala.analysis.answer.calibration import calibration_of
from mmgala.analysis.answer.compared import Compared, Line, Place
from mmgala.analysis.answer.groups import tail_gap
from mmgala.analysis.answer.words import (
    SHORT_LEADS,
    counted,
    listed,
    points,
    sentence,
    within,
)
from mmgala.analysis.rows import Row

MOST_ADVICE = 3
LARGE = 50  # percentage points
RIVAL = 'balanced softmax'


def advice_lines(about: Compared) -> list[Line]:
    """At most three pieces of advice, the most important first."""
    rules: tuple[Callable[[Compared], Iterator[Line]], ...] = (
        _rival,
        _fit,
        _try_rebalancing,
        _try_losses,
        _missing_rival,
        _more_seeds,
        _more_images,
    )
    found = [line for rule in rules for line in rule(about)]
    return found[:MOST_ADVICE] or [_use(about)]


def _use(about: Compared) -> Line:
    """What is left to do if nothing was found to be mended."""
    method = about.best.method
    place = about.places.get(method, Place())
    if about.best.post_hoc == 'rebalancing':
        return Line(
            'next',
            f'To use {about.best.name}, fit re-balancing on validation data and store '
            'it in the model.',
            f'mmgala fit {place.config} {place.checkpoint} {place.fitted} --rebalance',
        )
    return Line(
        'next',
        f'{about.best.name} can be used as it is: export it.',
        f'mmgala export {place.config} {place.checkpoint} model.onnx',
    )


def _rival(about: Compared) -> Iterator[Line]:
    """How GALA compares with balanced softmax, its strongest rival, if it is lower."""
    gala = _highest(about, lambda row: _plain(row.method).startswith('gala'))
    rival = _highest(about, lambda row: _plain(row.method).startswith(_plain(RIVAL)))
    if gala is None or rival is None:
        return
    gap = about.differences.between(gala, rival)
    if gap.mean <= 1e-9:  # equal means differ by rounding
        return
    where = f'{gala.name} in {SHORT_LEADS[about.lead]}'
    if gap.beyond_chance:
        how, advice = f'GALA is behind {RIVAL}', f'Use {RIVAL} on these data.'
    else:
        how, advice = f'GALA and {RIVAL} are level within chance', 'Use either.'
    yield Line(
        'next',
        f'{how} here: {rival.name} has {points(gap.mean)} over {where} '
        f'(95 % interval {within(gap)}). {advice}',
    )


def _missing_rival(about: Compared) -> Iterator[Line]:
    """GALA was compared with other methods, but not with its strongest rival."""
    names = {_plain(row.method) for row in about.rows}
    if len(names) < 2 or any(name.startswith(_plain(RIVAL)) for name in names):
        return
    gala = _highest(about, lambda row: _plain(row.method).startswith('gala'))
    if gala is None:
        return
    place = about.places.get(gala.method, Place())
    yield Line(
        'next',
        f"Compare with {RIVAL}, GALA's strongest rival, which is ahead on some data.",
        f'mmgala compare {place.config} --methods gala balanced-softmax',
    )


def _plain(name: str) -> str:
    """Letters and digits of a name, as methods are written in several ways."""
    text = re.sub('[^a-z0-9]', '', name.lower())
    return text.replace('balsoftmax', _RIVAL_LETTERS).replace('bsm', _RIVAL_LETTERS)


_RIVAL_LETTERS = 'balancedsoftmax'


def _highest(about: Compared, fits: Callable[[Row], bool]) -> Row | None:
    rows = [row for row in about.rows if fits(row)]
    return max(rows, key=lambda row: row.mean(about.lead)) if rows else None


def _fit(about: Compared) -> Iterator[Line]:
    """Store in the model what helps its best method after training."""
    method = about.best.method
    raw, rebalanced = _pair(about, method)
    reasons, flags = [], []
    if raw is not None and rebalanced is not None:
        gap = about.differences.between(raw, rebalanced)
        if gap.low > 0:
            reasons.append(f're-balancing helps {method} ({points(gap.mean)})')
            flags.append('--rebalance')
    if about.best.reliability:
        found = calibration_of(about.best)
        if found.direction and not found.by_chance:
            side = 'above' if found.direction == 'over-confident' else 'below'
            reasons.append(
                f'a temperature {side} 1 makes {about.best.name} less {found.direction}'
            )
            flags.append('--temperature auto')
    if not reasons:
        return
    place = about.places.get(method, Place())
    them = 'it' if len(reasons) == 1 else 'both'
    yield Line(
        'next',
        sentence(
            f'{listed(reasons)}: fit {them} on validation data and store {them} in the '
            'model, also for single images'
        ),
        f'mmgala fit {place.config} {place.checkpoint} {place.fitted} '
        f'{" ".join(flags)}',
    )


def _pair(about: Compared, method: str) -> tuple[Row | None, Row | None]:
    """The raw and the re-balanced row of a method."""
    rows = {row.post_hoc: row for row in about.rows if row.method == method}
    return rows.get(''), rows.get('rebalancing')


def _try_rebalancing(about: Compared) -> Iterator[Line]:
    method = about.best.method
    raw, rebalanced = _pair(about, method)
    if raw is None or rebalanced is not None or not _tail_is_behind(about, raw):
        return
    place = about.places.get(method, Place())
    yield Line(
        'next',
        f'The tail of {raw.name} is behind its head: re-balance its predictions, which '
        'needs no training.',
        f'mmgala test {place.config} {place.checkpoint} --rebalance --tau auto',
    )


def _try_losses(about: Compared) -> Iterator[Line]:
    methods = {row.method for row in about.rows}
    if len(methods) > 1 or not _tail_is_behind(about, about.best):
        return
    place = about.places.get(about.best.method, Place())
    yield Line(
        'next',
        'Losses for long-tailed data help the tail in training: compare them on the '
        'same config, all else being equal.',
        f'mmgala compare {place.config} --methods ce gala balanced-softmax',
    )


def _tail_is_behind(about: Compared, row: Row) -> bool:
    return len(about.groups) > 1 and tail_gap(about, row).low > 0


def _more_seeds(about: Compared) -> Iterator[Line]:
    methods = {row.method for row in about.rows}
    if len(methods) < 2 or any(len(row.seeds) > 1 for row in about.rows):
        return
    yield Line(
        'next',
        'Each method was trained once: train three or more seeds of each, as results '
        'vary with the seed, too, which these intervals do not cover.',
    )


def _more_images(about: Compared) -> Iterator[Line]:
    if about.contrast is None or len(about.level) < len(about.rows):
        return
    gap = about.differences.between(*about.contrast)
    width = (gap.high - gap.low) / 2
    images = counted(len(about.targets), 'test image')
    many = len(about.contrast[1].seeds) > 1
    size = f'only differences of more than about {width:.1f} points are beyond chance'
    if width > LARGE:
        size = 'hardly any difference could be beyond chance'
    yield Line(
        'next',
        f'With {images}{" and these seeds" if many else ""}, {size}. Test on more '
        f'images{" and train more seeds" if many else ""} to see smaller ones: four '
        'times as many halve the interval.',
    )
