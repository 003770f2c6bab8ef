"""Mean class accuracy of the study's variants on the validation sets.

Reads the scores in the work dirs of benchmarks/method_comparison.py, and writes
benchmarks/results/gala_study_validation.json.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.method_comparison import COMPARISONS, RESULTS, ROOT
from mmgala.analysis.comparison_folders import SCORES, read_run_state
from mmgala.utils.files import write_json


def class_mean_accuracy(path: Path) -> float:
    """Mean of the classes' accuracies in percent.

    Args:
        path: file with scores and labels of a validation set, from a comparison.
    """
    with np.load(path, allow_pickle=False) as file:
        target = file['gt_label']
        hit = file['pred_score'].argmax(axis=1) == target
    return 100 * float(np.mean(np.bincount(target, weights=hit) / np.bincount(target)))


def validation_accuracies(folder: Path) -> dict[str, list[float]]:
    """Accuracies of the finished runs by method, in the order of the seeds."""
    found: dict[str, list[float]] = {}
    for run in sorted(folder.glob('*/seed*')):
        state = read_run_state(run) or {}
        if state.get('status') == 'finished':
            accuracy = class_mean_accuracy(run / SCORES['val'])
            found.setdefault(state['method'], []).append(accuracy)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'compare')
    args = parser.parse_args()
    studies = [name for name, plan in COMPARISONS.items() if plan.study]
    results = {name: validation_accuracies(args.work_dir / name) for name in studies}
    if not any(results.values()):
        raise SystemExit(
            f'error: {args.work_dir} has no finished run of {", ".join(studies)}: run '
            'benchmarks/method_comparison.py first.'
        )
    done = {name: found for name, found in results.items() if found}
    write_json(RESULTS / 'gala_study_validation.json', done)


if __name__ == '__main__':
    main()
