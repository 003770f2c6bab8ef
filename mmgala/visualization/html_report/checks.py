"""Check that a report's parts fit each other, before a page is made of them."""

from typing import Any

KEYS = ('title', 'limits', 'classes', 'runs', 'missing')
GROUPS = ('many', 'medium', 'few')
# What holds one value per class.
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
PREDICTIONS = ('raw', 'rebalanced')
PER_CLASS_PREDICTIONS = ('class_accuracy', 'class_mass')


def check_report(report: dict[str, Any]) -> None:
    """Check the shape of a report.

    Raises:
        TypeError: if it is no dict.
        ValueError: if parts are missing, there is no run, a class's group is none, or
            a run has other classes than the report.
    """
    if not isinstance(report, dict):
        raise TypeError(f'Expected `report` to be a dict, but got {type(report)}.')
    _check_keys(report, KEYS, 'the report')
    if not report['runs']:
        raise ValueError('Expected the report to have a run, but `runs` is empty.')
    for index, entry in enumerate(report['classes']):
        _check_keys(entry, ('name', 'count', 'group'), f'class {index}')
        if entry['group'] not in GROUPS:
            raise ValueError(
                f'Expected the group of class {index} to be one of {GROUPS}, but got '
                f'{entry["group"]!r}.'
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
        _check_keys(predictions, PREDICTIONS, f'{name}: predictions')
        for kind in PREDICTIONS:
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
                f'{num_classes} classes: runs of different class sets cannot share a '
                'report.'
            )


def _check_keys(part: dict[str, Any], keys: tuple[str, ...], what: str) -> None:
    missing = [key for key in keys if key not in part]
    if missing:
        raise ValueError(
            f'Expected {what} to have {", ".join(f"`{k}`" for k in keys)}, but it '
            f'lacks {", ".join(f"`{k}`" for k in missing)}.'
        )
