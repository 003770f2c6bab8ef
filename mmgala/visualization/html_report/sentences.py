"""One-sentence summaries of a run's gradients, class weight vectors and accuracy."""

import math
from typing import Any

from mmgala.functional import SHOT_GROUPS


def describe_run(run: dict[str, Any], classes: list[dict[str, Any]]) -> list[str]:
    """Describe the gradients, class vectors and accuracy of head and tail classes.

    Args:
        run: run with ``name``, ``gradients``, ``vectors`` and ``predictions``; each of
            the last three may be ``None``.
        classes: classes of the report, whose ``group`` is their shot group.

    Returns:
        One sentence for each part that the run has.
    """
    present = {entry['group'] for entry in classes}
    groups = [group for group in SHOT_GROUPS[::-1] if group in present]
    ends = list(dict.fromkeys((groups[0], groups[-1])))  # tail and head
    parts = (
        (_gradients, run['gradients']),
        (_vectors, run['vectors']),
        (_predictions, run['predictions']),
    )
    sentences = [describe(part, ends) for describe, part in parts if part]
    return [sentence for sentence in sentences if sentence]


def _gradients(gradients: dict[str, Any], ends: list[str]) -> str:
    period = 'epoch' if gradients['unit'] == 'epoch' else 'period'
    ratios = _by_group(
        {g: _last(gradients['ratio_by_group'].get(g)) for g in ends},
        'received {:.2f} times',
    )
    if not ratios:
        return ''
    first, *rest = ratios
    rest = [other.replace('received ', '') for other in rest]
    sentence = (
        f'In the last {period}, class vectors of {first} as much positive as negative '
        f'gradient{"".join(f", those of {other}" for other in rest)}.'
    )
    share = _last((gradients.get('source_share_by_step') or {}).get(ends[-1]))
    if share is None:
        return sentence
    return (
        f'{sentence} Samples of {ends[-1]}-shot classes caused {share:.0%} of all '
        'negative gradient.'
    )


def _vectors(vectors: dict[str, Any], ends: list[str]) -> str:
    groups = vectors['groups']
    own = _by_group(
        {g: groups.get(g, {}).get('own_similarity') for g in ends}, '{:.2f}'
    )
    if not own:
        return ''
    return (
        'The cosine similarity of class vectors to features of their own class is, for '
        f'{" and for ".join(own)}.'
    )


def _predictions(predictions: dict[str, Any], ends: list[str]) -> str:
    raw, balanced = (
        _by_group({g: predictions[kind]['metrics'].get(g) for g in ends}, '{:.1f}%')
        for kind in ('raw', 'rebalanced')
    )
    if not raw or not balanced:
        return ''
    return (
        f'Accuracy on {" and on ".join(raw)}; re-balanced with τ = '
        f'{predictions["tau"]:g}, on {" and on ".join(balanced)}.'
    )


def _by_group(values: dict[str, float | None], form: str) -> list[str]:
    """``few-shot classes 0.81`` for each group with a finite number."""
    return [
        f'{group}-shot classes {form.format(value)}'
        for group, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def _last(values: list[float | None] | None) -> float | None:
    return values[-1] if values else None
