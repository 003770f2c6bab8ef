"""Check the structure of a report before a page is made of it."""

from typing import Any

from mmgala.functional import SHOT_GROUPS

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
