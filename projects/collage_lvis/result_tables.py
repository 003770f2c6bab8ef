"""Tables of the detectors' figures."""

from collections.abc import Mapping, Sequence
from statistics import mean

from projects.collage_lvis.detector_runs import METRICS

PARTS = {'test': 'Test part', 'val': 'Validation part'}


def methods_of(runs: Sequence[Mapping], detector: str) -> list[str]:
    """Methods of a detector, in order."""
    return list(dict.fromkeys(r['method'] for r in runs if r['detector'] == detector))


def values_of(
    runs: Sequence[Mapping], detector: str, method: str, part: str, metric: str
) -> list[float]:
    """A metric of every seed; nothing where no class has it."""
    return [
        run[part][metric]
        for run in runs
        if (run['detector'], run['method']) == (detector, method)
        and run[part][metric] is not None
    ]


def best_background(runs: Sequence[Mapping], detector: str) -> str:
    """GALA's form with the highest mean box AP on the validation part."""
    forms = [name for name in methods_of(runs, detector) if name.startswith('gala')]
    return max(forms, key=lambda m: mean(values_of(runs, detector, m, 'val', 'AP')))


def markdown(runs: Sequence[Mapping], chosen: Mapping[str, str]) -> str:
    """All figures: mean over seeds, and each seed's in brackets.

    Args:
        runs: as in the JSON file.
        chosen: form of GALA that each detector got by its validation figures.
    """
    seeds = ', '.join(str(seed) for seed in sorted({run['seed'] for run in runs}))
    lines = [
        'Box AP in percent on collages in LVIS format, by frequency of the class '
        '(rare, common, frequent): the mean over the seeds, and in brackets each of '
        f'{seeds}.',
    ]
    for part, title in PARTS.items():
        lines += ['', f'{title}:', '', f'| | {" | ".join(METRICS)} | minutes |']
        lines.append('|---|' + '---:|' * (len(METRICS) + 1))
        for detector in chosen:
            for method in methods_of(runs, detector):
                lines.append(_row(runs, detector, method, part))
    lines.append('')
    for detector, method in chosen.items():
        lines.append(
            f'{detector}: on the validation part, the better form of GALA is {method}.'
        )
    return '\n'.join([*lines, ''])


def _row(runs: Sequence[Mapping], detector: str, method: str, part: str) -> str:
    cells = []
    for metric in METRICS:
        values = values_of(runs, detector, method, part, metric)
        seeds = ', '.join(f'{value:.1f}' for value in values)
        cells.append(f'{mean(values):.1f} ({seeds})' if values else '-')
    seconds = [
        run['seconds']
        for run in runs
        if (run['detector'], run['method']) == (detector, method)
    ]
    cells.append(f'{mean(seconds) / 60:.1f}')
    return f'| {detector}, {method} | ' + ' | '.join(cells) + ' |'
