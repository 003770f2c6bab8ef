"""One page over all comparisons, and validation figures of the study of GALA.

Reads what benchmarks/method_comparison.py left in its work dir and in
benchmarks/results, and writes benchmarks/results/compare_overview.md and .json.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from method_comparison import COMPARISONS, HUNDRED_CLASSES, RESULTS, ROOT


def cell(values: Sequence[float]) -> str:
    """Mean ± standard deviation."""
    spread = f' ± {stdev(values):.1f}' if len(values) > 1 else ''
    return f'{mean(values):.1f}{spread}'


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ['---', *['---:'] * (len(header) - 1)], *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def plain_name(method: str) -> str:
    """Without the settings of a method that has others on other sets."""
    name = method.partition(':')[0]
    return name if name == 'eql' or method == HUNDRED_CLASSES.get(name) else method


def test_figures(name: str) -> dict[str, list[float]]:
    """Top-1 of each row's runs on the test set."""
    rows = json.loads((RESULTS / f'compare_{name}.json').read_text())['rows']
    found = {}
    for row in rows:
        base, plus, step = row['name'].partition(' + ')
        found[plain_name(base) + plus + step] = [run['top1'] for run in row['runs']]
    return found


def class_mean_accuracy(path: Path) -> float:
    """Mean of the classes' accuracies in percent."""
    with np.load(path, allow_pickle=False) as file:
        hit = file['pred_score'].argmax(axis=1) == file['gt_label']
        target = file['gt_label']
    return 100 * float(np.mean(np.bincount(target, weights=hit) / np.bincount(target)))


def validation_figures(name: str, work_dir: Path) -> dict[str, list[float]]:
    """Class-mean accuracy of each method's runs on the validation set."""
    found: dict[str, list[float]] = {}
    for path in sorted((work_dir / name).glob('*/seed*/run.json')):
        record = json.loads(path.read_text())
        if record['status'] == 'finished':
            value = class_mean_accuracy(path.with_name('val.npz'))
            found.setdefault(record['method'], []).append(value)
    return found


def table(
    names: Sequence[str], read: Callable[[str], dict[str, list[float]]]
) -> tuple[str, dict]:
    """A row per method, a column per set; `-` where a method was not run."""
    columns = {name: read(name) for name in names}
    found = columns.values()
    methods = list(dict.fromkeys(m for column in found for m in column))
    rows = [
        [method, *(cell(c[method]) if method in c else '-' for c in found)]
        for method in methods
    ]
    short = [name.removeprefix('gala-study_') for name in names]
    return markdown(['', *short], rows), columns


def short_table(names: Sequence[str]) -> str:
    """Means alone, raw / re-balanced, for the README."""
    columns = [test_figures(name) for name in names]
    methods = [m for m in dict.fromkeys(m for c in columns for m in c) if '+' not in m]
    rows = [[m, *(_both(column, m) for column in columns)] for m in methods]
    return markdown(['', *names], rows)


def _both(column: dict[str, list[float]], method: str) -> str:
    if method not in column:
        return '-'
    raw, after = column[method], column[f'{method} + re-balancing']
    return f'{mean(raw):.1f} / {mean(after):.1f}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'compare')
    args = parser.parse_args()
    done = [n for n in COMPARISONS if (RESULTS / f'compare_{n}.json').is_file()]
    plain = [n for n in done if not COMPARISONS[n].study]
    studies = [n for n in done if COMPARISONS[n].study]
    parts = {
        'Top-1 on the test sets': table(plain, test_figures),
        'The study of GALA: class-mean accuracy on the validation sets': table(
            studies, lambda name: validation_figures(name, args.work_dir)
        ),
        'The study of GALA: top-1 on the test sets': table(studies, test_figures),
    }
    texts = {title: body for title, (body, _) in parts.items()}
    texts = {'Top-1 on the test sets, raw / re-balanced': short_table(plain)} | texts
    text = '\n\n'.join(f'## {title}\n\n{body}' for title, body in texts.items())
    out = RESULTS / 'compare_overview.md'
    out.write_text(
        f'# Comparisons of methods\n\nPercent, mean ± sd of the seeds.\n\n{text}\n'
    )
    figures = {title: columns for title, (_, columns) in parts.items()}
    out.with_suffix('.json').write_text(json.dumps(figures, indent=1))
    print(text)


if __name__ == '__main__':
    main()
