"""Say in plain words what the numbers of a run are, and no more than they are."""

import math
from typing import Any

GROUPS = ('many', 'medium', 'few')


def describe_run(run: dict[str, Any], classes: list[dict[str, Any]]) -> list[str]:
    """Sentences with the numbers of a run that matter for its tail.

    Args:
        run: ``name``, ``gradients``, ``vectors`` and ``predictions``, each of the
            last three possibly ``None``.
        classes: of the report; their groups tell which classes are head and tail.

    Returns:
        A sentence each on gradients, class vectors and accuracy, as far as the run
        has them.
    """
    present = {entry['group'] for entry in classes}
    groups = [group for group in GROUPS[::-1] if group in present]
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
    ratios = _those(
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
        f'{sentence} Samples of {ends[-1]}-shot classes gave {share:.0%} of all '
        'negative gradient.'
    )


def _vectors(vectors: dict[str, Any], ends: list[str]) -> str:
    groups = vectors['groups']
    own = _those({g: groups.get(g, {}).get('own_similarity') for g in ends}, '{:.2f}')
    if not own:
        return ''
    return (
        'The cosine similarity of class vectors to features of their own class is, for '
        f'{" and for ".join(own)}.'
    )


def _predictions(predictions: dict[str, Any], ends: list[str]) -> str:
    raw, balanced = (
        _those({g: predictions[kind]['metrics'].get(g) for g in ends}, '{:.1f}%')
        for kind in ('raw', 'rebalanced')
    )
    if not raw or not balanced:
        return ''
    return (
        f'Accuracy on {" and on ".join(raw)}; re-balanced with τ = '
        f'{predictions["tau"]:g}, on {" and on ".join(balanced)}.'
    )


def _those(values: dict[str, float | None], form: str) -> list[str]:
    """``few-shot classes 0.81`` for each group that has a number."""
    return [
        f'{group}-shot classes {form.format(value)}'
        for group, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def _last(values: list[float | None] | None) -> float | None:
    return values[-1] if values else None
