"""The demo: cross-entropy and GALA on long-tailed digits, in minutes.

Trains both with three seeds, tests with and without re-balancing, prints a table, draws
two plots, and writes an interactive report on each class of each training. tau is
chosen on the validation split; nothing is chosen on the test split.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from quiet import log_in_folder, quiet_imports

with quiet_imports():
    from report import draw, evaluate_runs, markdown, table, write_page
    from runs import Training, train_all

    from mmgala.cli.arguments import parse_args
    from mmgala.console import result, say
    from mmgala.functional import ShotThresholds
    from mmgala.utils.environment import describe_machine
    from mmgala.utils.files import write_json, write_text

CONFIGS = Path(__file__).resolve().parent.parent / 'configs'
METHODS = {'CE': 'cross_entropy', 'GALA': 'gala'}
MANY, FEW = 40, 10


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--seeds', type=int, default=3)
    args = parse_args(parser)
    if args.seeds < 1:
        raise ValueError(f'--seeds must be 1 or more, but got {args.seeds}.')
    log_in_folder(args.work_dir)
    trainings = [
        Training(
            method, str(CONFIGS / folder / 'resnet14_digits-lt.py'), seed, MANY, FEW
        )
        for seed in range(args.seeds)
        for method, folder in METHODS.items()
    ]
    say(f'Training {" and ".join(METHODS)} on {args.seeds} seeds each ...')
    results = train_all(trainings, args.work_dir)
    rows, accuracies = evaluate_runs(results, ShotThresholds(MANY, FEW))

    arrays = results[trainings[0]]
    counts = arrays['class_counts']
    title = (
        f'Digits-LT, {counts.max()} to {counts.min()} training images per class, '
        f'{len(arrays["test_targets"])} test images.\n'
        f'Percent, mean ± standard deviation of {args.seeds} seeds. Many-shot: more '
        f'than {MANY} training images;\nfew-shot: fewer than {FEW}. tau chosen on '
        f'{len(arrays["val_targets"])} validation images.'
    )
    result(f'\n{title}\n')
    result(table(rows))
    results_md = args.work_dir / 'results.md'
    write_text(results_md, f'{title}\n\n{markdown(rows)}\n')
    results_json = args.work_dir / 'results.json'
    write_json(results_json, dict(rows=rows, machine=describe_machine()))
    pictures = draw(args.work_dir, 'Digits-LT', results, accuracies)
    page = args.work_dir / 'report.html'
    write_page(page, 'Digits-LT', results, args.work_dir)
    written = [*pictures, results_md, results_json]
    say('\n  '.join(['Written:', *map(str, written)]))
    say(f'Open {page} in a browser for an interactive report on each class.')


if __name__ == '__main__':
    main()
