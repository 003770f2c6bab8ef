"""Compare the gradients of several trainings.

Reads work dirs of trainings with GradientStatisticsHook. Writes gradients.json,
classes.csv and plots: the ratio of positive to negative gradient of each class weight
vector, the sources of negative gradient, and the course of both over the training
(arXiv 2403.09036, figures 1 and 2). If a training has several losses, such as the
stages of a cascade, each counts as a separate run; to select one, give
WORK_DIR/gradient_statistics/LOSS.
"""

from mmgala.cli.command import command  # first: it handles Ctrl-C

# isort: split
import argparse
from pathlib import Path

from rich.console import Console

from mmgala.analysis import (
    GradientRecord,
    check_same_classes,
    describe_classes,
    describe_gradients,
    gradients_table,
    read_gradient_run,
    write_gradient_classes,
    write_gradients,
)
from mmgala.analysis.run_files import runs_by_name
from mmgala.utils.files import check_writable
from mmgala.visualization import (
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    save_figure,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'work_dir', nargs='+', type=Path, help='work dir of each training'
    )
    parser.add_argument(
        '--names', nargs='+', help="a name per WORK_DIR; default: the folders' names"
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder; default: gradient_report in the first WORK_DIR',
    )
    return parser.parse_args()


def read_runs(args: argparse.Namespace) -> dict[str, list[GradientRecord]]:
    """Read the records of each run, by name; all must have the same classes."""
    folders = runs_by_name(args.work_dir, args.names)
    runs = {name: read_gradient_run(folder) for name, folder in folders.items()}
    first_name, first_folder = next(iter(folders.items()))
    first = runs[first_name][0]
    for name, folder in folders.items():
        records = runs[name]
        if records[0].unit != first.unit:
            raise ValueError(
                f'{first_folder} has records by {first.unit}, but {folder} by '
                f'{records[0].unit}: compare trainings with the same unit.'
            )
        check_same_classes(first, records[0], str(first_folder), str(folder))
    return runs


@command
def main() -> None:
    args = parse_args()
    out = args.out or args.work_dir[0] / 'gradient_report'
    check_writable(out / 'gradients.json')
    records = read_runs(args)
    runs = {name: describe_gradients(run) for name, run in records.items()}
    first = next(iter(records.values()))[-1]
    counts, thresholds = first.class_counts, first.thresholds
    classes = describe_classes(counts, first.class_names, thresholds)
    write_gradients(out / 'gradients.json', runs, classes, thresholds)
    write_gradient_classes(out / 'classes.csv', runs, classes)
    for name, figure in (
        ('gradient_ratio', draw_gradient_ratio(counts, runs)),
        ('gradient_sources', draw_gradient_sources(counts, runs)),
        ('gradient_course', draw_gradient_course(runs)),
    ):
        for ending in ('png', 'svg'):
            save_figure(figure, out / f'{name}.{ending}')
    console = Console(
        width=max(Console().width, 150),  # so that rows are not wrapped in a log
        markup=False,
        highlight=False,
    )
    console.print(gradients_table(runs))
    console.print(f'Wrote tables and plots to {out}.')


if __name__ == '__main__':
    main()
