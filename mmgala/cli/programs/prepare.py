"""The work of ``mmgala prepare``."""

import argparse
from pathlib import Path

from mmgala.console import result, say
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
        described = describe_plan(plan, wanted, root)
        if args.dry_run:
            result(described)
            return
        say(described)
        run_plan(plan, wanted, root, args.source)
    say(f'checking {root}')
    report = check(wanted, root)
    result(report.table())
    if report.problems:
        result('\n'.join(report.problems))
        raise ValueError(
            f'{args.name} in {root} differs from the published data set (problems: '
            f'{len(report.problems)}), first: {report.problems[0]}. Run this without '
            '--check to complete it; remove incomplete image folders first.'
        )
    if args.delete_archives:
        delete_archives(wanted.parts, root)
    say(f'{args.name} in {root} is complete')
