"""What a report says about the gradients and weight vectors of each method."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmgala.functional import SHOT_GROUPS
from mmgala.utils.tables import mean_and_spread


def describe_method(
    runs: Sequence[Mapping[str, Any]], classes: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Describe the gradients and weight vectors of head and tail classes.

    Args:
        runs: runs of one method, with ``gradients`` and ``vectors``, which may be None.
        classes: classes of the report; ``group`` is their shot group.

    Returns:
        A text on ``gradients`` and on ``vectors``, if there are any; numbers are means
        ± standard deviations over the runs.
    """
    present = {entry['group'] for entry in classes}
    groups = [group for group in SHOT_GROUPS[::-1] if group in present]
    ends = list(dict.fromkeys((groups[0], groups[-1])))  # tail and head
    gradients = [run['gradients'] for run in runs if run['gradients']]
    vectors = [run['vectors'] for run in runs if run['vectors']]
    texts = {
        'gradients': _on_gradients(gradients, ends),
        'vectors': _on_vectors(vectors, ends),
    }
    return {part: text for part, text in texts.items() if text}


def _on_gradients(parts: Sequence[Mapping[str, Any]], ends: Sequence[str]) -> str:
    ratios = _by_group(
        {g: [_last(part['ratio_by_group'].get(g)) for part in parts] for g in ends}
    )
    if not ratios:
        return ''
    period = 'epoch' if parts[0]['unit'] == 'epoch' else 'period'
    text = f'in the last {period}, the gradient ratio was {ratios}'
    head = ends[-1]
    shares = _finite(
        _last((part.get('source_share_by_step') or {}).get(head)) for part in parts
    )
    if not shares:
        return f'{text}.'
    share = mean_and_spread([100 * value for value in shares], 0)
    return (
        f'{text}; samples of {head}-shot classes caused {share} % of all negative '
        'gradient.'
    )


def _on_vectors(parts: Sequence[Mapping[str, Any]], ends: Sequence[str]) -> str:
    similarities = _by_group(
        {g: [part['groups'].get(g, {}).get('own_similarity') for part in parts]
         for g in ends}
    )  # fmt: skip
    if not similarities:
        return ''
    return f'the own-class similarity is {similarities}.'


def _by_group(values: Mapping[str, Iterable[float | None]]) -> str:
    """Text on the groups with finite values, such as '0.81 for few-shot classes'."""
    known = {group: _finite(of_group) for group, of_group in values.items()}
    return ' and '.join(
        f'{mean_and_spread(of_group, 2)} for {group}-shot classes'
        for group, of_group in known.items()
        if of_group
    )


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _last(values: Sequence[float | None] | None) -> float | None:
    return values[-1] if values else None
