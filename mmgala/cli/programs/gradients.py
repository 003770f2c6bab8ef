"""The work of ``mmgala gradients``."""

import argparse

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
from mmgala.analysis.run_names import runs_by_name
from mmgala.console import result, say
from mmgala.utils.files import check_writable
from mmgala.visualization import (
    draw_gradient_course,
    draw_gradient_ratio,
    draw_gradient_sources,
    save_figure,
)


def read_runs(args: argparse.Namespace) -> dict[str, list[GradientRecord]]:
    """Read the records of each run, by name; all must have the same classes."""
    folders = runs_by_name(args.work_dir, args.names, gradients_only=True)
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


def run(args: argparse.Namespace) -> None:
    """Do what the arguments ask for."""
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
    result(gradients_table(runs))
    say(f'Wrote tables and plots to {out}.')
