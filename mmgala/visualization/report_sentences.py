"""What a report says about each run, in sentences."""

import math
from typing import Any

from mmgala.functional import SHOT_GROUPS

PREDICTION_KINDS = ('raw', 'rebalanced')


def describe_run(run: dict[str, Any], classes: list[dict[str, Any]]) -> list[str]:
    """Describe the gradients, weight vectors and accuracy of head and tail classes.

    Args:
        run: run with ``name``, ``gradients``, ``vectors`` and ``predictions``; each of
            the last three may be ``None``.
        classes: classes of the report; ``group`` is their shot group.

    Returns:
        One text for each part that the run has.
    """
    present = {entry['group'] for entry in classes}
    groups = [group for group in SHOT_GROUPS[::-1] if group in present]
    ends = list(dict.fromkeys((groups[0], groups[-1])))  # tail and head
    parts = (
        (_describe_gradients, run['gradients']),
        (_describe_vectors, run['vectors']),
        (_describe_predictions, run['predictions']),
    )
    texts = [describe(part, ends) for describe, part in parts if part]
    return [text for text in texts if text]


def _describe_gradients(gradients: dict[str, Any], ends: list[str]) -> str:
    period = 'epoch' if gradients['unit'] == 'epoch' else 'period'
    ratios = _by_group(
        {g: _last(gradients['ratio_by_group'].get(g)) for g in ends},
        '{value:.2f} for {group}-shot classes',
    )
    if not ratios:
        return ''
    sentence = (
        f'In the last {period}, the ratio of positive to negative gradient of class '
        f'weight vectors was {" and ".join(ratios)}.'
    )
    share = _last((gradients.get('source_share_by_step') or {}).get(ends[-1]))
    if share is None:
        return sentence
    return (
        f'{sentence} Samples of {ends[-1]}-shot classes caused {share:.0%} of all '
        'negative gradient.'
    )


def _describe_vectors(vectors: dict[str, Any], ends: list[str]) -> str:
    groups = vectors['groups']
    similarities = _by_group(
        {g: groups.get(g, {}).get('own_similarity') for g in ends},
        '{value:.2f} for {group}-shot classes',
    )
    if not similarities:
        return ''
    return (
        'The mean cosine similarity of class weight vectors to the features of their '
        f'own class is {" and ".join(similarities)}.'
    )


def _describe_predictions(predictions: dict[str, Any], ends: list[str]) -> str:
    raw, rebalanced = (
        _by_group(
            {g: predictions[kind]['metrics'].get(g) for g in ends},
            '{value:.1f}% on {group}-shot classes',
        )
        for kind in PREDICTION_KINDS
    )
    if not raw or not rebalanced:
        return ''
    return (
        f'Accuracy is {" and ".join(raw)}; after re-balancing with τ = '
        f'{predictions["tau"]:g}, it is {" and ".join(rebalanced)}.'
    )


def _by_group(values: dict[str, float | None], template: str) -> list[str]:
    """Text on each group with a finite value, such as '0.81 for few-shot classes'."""
    return [
        template.format(group=group, value=value)
        for group, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def _last(values: list[float | None] | None) -> float | None:
    return values[-1] if values else None
