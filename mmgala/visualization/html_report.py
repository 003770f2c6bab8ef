"""Self-contained HTML report on gradients, class weight vectors and predictions.

The page is made of the files in ``report_page/``.
"""

import html
import json
import math
from pathlib import Path
from string import Template
from typing import Any

from mmgala.functional import METRIC_NAMES, SHOT_GROUPS
from mmgala.utils.files import write_text
from mmgala.visualization.axes import COLOURS

REPORT_KEYS = ('title', 'limits', 'classes', 'runs', 'missing')
# Keys with one value per class, in each part of a run.
PER_CLASS = {
    'gradients': (
        'ratio',
        'ratio_total',
        'pos_grad',
        'neg_grad',
        'given_grad',
        'source_shares',
    ),
    'vectors': ('own_similarity', 'other_similarity', 'norm', 'bias'),
}
PREDICTION_KINDS = ('raw', 'rebalanced')
PER_CLASS_PREDICTIONS = ('class_accuracy', 'class_mass')
PAGE_FOLDER = Path(__file__).parent / 'report_page'
# In the order of their dependencies.
SCRIPTS = (
    'data',
    'drawing',
    'class_axis',
    'class_figures',
    'gradient_figures',
    'training_figures',
    'prediction_figures',
    'headline',
    'class_table',
    'main',
)
SIGNIFICANT_DIGITS = 5


def write_html_report(report: dict[str, Any], path: str | Path) -> None:
    """Write a report as one HTML file that needs no network.

    The page has interactive Plotly charts, and controls for runs, shot groups, the
    order of classes, and raw or re-balanced predictions.

    Args:
        report: report from :func:`mmgala.analysis.merge_runs`, with ``title``,
            ``limits``, ``classes``, ``runs`` and ``missing``. Parts of a run may be
            ``None``. Numbers are rounded to 5 significant digits; non-finite numbers
            become gaps.
        path: file to write.

    Raises:
        TypeError: if the report is not a dict.
        ValueError: if parts are missing, or runs have different classes.
    """
    # Imported here, as the other plots do not need Plotly.
    from plotly.offline import get_plotlyjs

    check_report(report)
    runs = [
        {**run, 'sentences': describe_run(run, report['classes'])}
        for run in report['runs']
    ]
    page = Template(_read('template.html')).substitute(
        title=html.escape(report['title']),
        style=_read('report.css'),
        colours=html.escape(json.dumps(COLOURS)),
        plotly=get_plotlyjs(),
        data=_embedded({**report, 'runs': runs, 'metric_names': METRIC_NAMES}),
        script='\n'.join(_read(f'js/{name}.js') for name in SCRIPTS),
    )
    write_text(path, page)


def _read(name: str) -> str:
    return (PAGE_FOLDER / name).read_text(encoding='utf-8')


def _embedded(report: dict[str, Any]) -> str:
    """Convert to JSON that is safe inside a script element."""
    text = json.dumps(_rounded(report), allow_nan=False, separators=(',', ':'))
    return text.replace('<', '\\u003c')


def _rounded(value: Any) -> Any:
    """Round numbers to 5 significant digits; non-finite ones become None."""
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if hasattr(value, 'tolist'):  # NumPy arrays and scalars
        return _rounded(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return (
            float(f'{value:.{SIGNIFICANT_DIGITS}g}') if math.isfinite(value) else None
        )
    return value


def check_report(report: dict[str, Any]) -> None:
    """Check the structure of a report.

    Raises:
        TypeError: if the report is not a dict.
        ValueError: if parts are missing, there are no runs, a shot group is unknown, or
            a run has a different number of classes.
    """
    if not isinstance(report, dict):
        raise TypeError(f'Expected `report` to be a dict, but got {type(report)}.')
    _check_keys(report, REPORT_KEYS, 'the report')
    if not report['runs']:
        raise ValueError('Expected at least one run, but `runs` is empty.')
    for index, entry in enumerate(report['classes']):
        _check_keys(entry, ('name', 'count', 'group'), f'class {index}')
        if entry['group'] not in SHOT_GROUPS:
            raise ValueError(
                f'Expected the group of class {index} to be one of {SHOT_GROUPS}, but '
                f'got {entry["group"]!r}.'
            )
    for run in report['runs']:
        _check_run(run, len(report['classes']))


def _check_run(run: dict[str, Any], num_classes: int) -> None:
    _check_keys(run, ('name', 'gradients', 'vectors', 'predictions'), 'a run')
    name = run['name']
    for part, keys in PER_CLASS.items():
        _check_lengths(run[part], keys, num_classes, f'{name}: {part}')
    predictions = run['predictions']
    if predictions is not None:
        _check_keys(predictions, PREDICTION_KINDS, f'{name}: predictions')
        for kind in PREDICTION_KINDS:
            _check_lengths(
                predictions[kind],
                PER_CLASS_PREDICTIONS,
                num_classes,
                f'{name}: {kind} predictions',
            )


def _check_lengths(
    part: dict[str, Any] | None, keys: tuple[str, ...], num_classes: int, what: str
) -> None:
    if part is None:
        return
    _check_keys(part, keys, what)
    for key in keys:
        values = part[key]
        if values is not None and len(values) != num_classes:
            raise ValueError(
                f'{what}: `{key}` has {len(values)} values, but the report has '
                f'{num_classes} classes. All runs of a report need the same classes.'
            )


def _check_keys(part: dict[str, Any], keys: tuple[str, ...], what: str) -> None:
    missing = [key for key in keys if key not in part]
    if missing:
        raise ValueError(
            f'Expected {what} to have {", ".join(f"`{k}`" for k in keys)}, but '
            f'it lacks {", ".join(f"`{k}`" for k in missing)}.'
        )


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
