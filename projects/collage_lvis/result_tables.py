"""Tables of the detectors' results."""

from collections.abc import Mapping, Sequence
from statistics import mean

from mmgala.utils.tables import markdown_table
from projects.collage_lvis.detector_runs import METRICS

PARTS = {'test': 'Test part', 'val': 'Validation part'}


def methods_of(runs: Sequence[Mapping], detector: str) -> list[str]:
    """Methods of a detector, in order."""
    return list(dict.fromkeys(r['method'] for r in runs if r['detector'] == detector))


def values_of(
    runs: Sequence[Mapping], detector: str, method: str, part: str, metric: str
) -> list[float]:
    """Values of a metric over seeds, without seeds where it is undefined."""
    return [
        run[part][metric]
        for run in runs
        if (run['detector'], run['method']) == (detector, method)
        and run[part][metric] is not None
    ]


def best_background(runs: Sequence[Mapping], detector: str) -> str:
    """The form of GALA with the highest mean box AP on the validation split."""
    forms = [name for name in methods_of(runs, detector) if name.startswith('gala')]
    return max(forms, key=lambda m: mean(values_of(runs, detector, m, 'val', 'AP')))


def markdown(runs: Sequence[Mapping], chosen: Mapping[str, str]) -> str:
    """Tables of all metrics: mean over seeds, with the values of seeds in parentheses.

    Args:
        runs: runs as in the JSON file.
        chosen: form of GALA chosen for each detector by its validation results.
    """
    seeds = ', '.join(str(seed) for seed in sorted({run['seed'] for run in runs}))
    lines = [
        'Box AP in percent on collages in LVIS format, by frequency of the class '
        '(rare, common, frequent): the mean over the seeds, and in brackets each of '
        f'{seeds}.',
    ]
    for part, title in PARTS.items():
        rows = [
            _row(runs, detector, method, part)
            for detector in chosen
            for method in methods_of(runs, detector)
        ]
        table = markdown_table(['', *METRICS, 'minutes'], rows)
        lines += ['', f'{title}:', '', table]
    lines.append('')
    for detector, method in chosen.items():
        lines.append(
            f'{detector}: on the validation part, the better form of GALA is {method}.'
        )
    return '\n'.join([*lines, ''])


def _row(runs: Sequence[Mapping], detector: str, method: str, part: str) -> list[str]:
    cells = [f'{detector}, {method}']
    for metric in METRICS:
        values = values_of(runs, detector, method, part, metric)
        seeds = ', '.join(f'{value:.1f}' for value in values)
        cells.append(f'{mean(values):.1f} ({seeds})' if values else '-')
    seconds = [
        run['seconds']
        for run in runs
        if (run['detector'], run['method']) == (detector, method)
    ]
    return [*cells, f'{mean(seconds) / 60:.1f}']
