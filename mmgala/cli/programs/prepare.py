"""The work of ``mmgala prepare``."""

import argparse
from pathlib import Path

from mmgala.preparation import (
    check,
    delete_archives,
    describe_plan,
    find_data_set,
    make_plan,
    run_plan,
)


def run(args: argparse.Namespace) -> None:
    """Prepare or check the data set that the arguments name."""
    wanted = find_data_set(args.name)
    root = args.root if args.root is not None else Path(wanted.root)
    if not args.check:
        plan = make_plan(wanted, root, args.source)
        print(describe_plan(plan, wanted, root), flush=True)
        if args.dry_run:
            return
        run_plan(plan, wanted, root, args.source)
    print(f'checking {root}', flush=True)
    report = check(wanted, root)
    print(report.table())
    if report.problems:
        print('\n'.join(report.problems), flush=True)
        raise ValueError(
            f'{args.name} in {root} differs from the published data set (problems: '
            f'{len(report.problems)}), first: {report.problems[0]}. Run this without '
            '--check to complete it; remove incomplete image folders first.'
        )
    if args.delete_archives:
        delete_archives(wanted.parts, root)
    print(f'{args.name} in {root} is complete')
