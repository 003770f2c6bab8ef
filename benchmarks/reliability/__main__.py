"""Run parts of the campaign; the results go to benchmarks/results/reliability.json.

    python -m benchmarks.reliability                # all parts
    python -m benchmarks.reliability kills signals  # some of them
    python -m benchmarks.reliability kills --only keep --no-save

The results of other parts are kept. The status is 1 if any trial failed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.reliability.parts import PARTS
from benchmarks.reliability.trials import Record, run_trials
from mmgala.utils.files import locked, write_json

RESULTS = Path(__file__).resolve().parent.parent / 'results' / 'reliability.json'
CONSOLE = Console(highlight=False, markup=False)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # argparse would check the default, a list, against the choices.
    parser.add_argument('parts', nargs='*', metavar='PART', help=', '.join(PARTS))
    parser.add_argument('--only', default='', help='trials whose names contain this')
    parser.add_argument('--jobs', type=int, default=1, help='trials at a time')
    parser.add_argument('--list', action='store_true', help='list the trials')
    parser.add_argument('--no-save', action='store_true', help='print results only')
    args = parser.parse_args()
    for part in args.parts:
        if part not in PARTS:
            parser.error(f'unknown part {part!r}: choose from {", ".join(PARTS)}')
    if args.only and not args.no_save and not args.list:
        parser.error('--only tries only some of a part: add --no-save')
    return args


def run_part(name: str, args: argparse.Namespace) -> dict[str, Any]:
    part, record, start = PARTS[name], Record(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f'reliability-{name}-') as folder:
        planned = part.plan(Path(folder))
        trials = [trial for trial in planned if args.only in trial.name]
        with Progress(console=CONSOLE, disable=not CONSOLE.is_terminal) as progress:
            bar = progress.add_task(part.title, total=len(trials))
            for trial, outcome in run_trials(trials, Path(folder), args.jobs):
                record.add(trial, outcome)
                progress.advance(bar)
                if not outcome.ok:
                    text = f'FAILED {trial.name}\n  expected: {trial.expected}\n'
                    CONSOLE.print(f'{text}  seen: {outcome.seen}', soft_wrap=True)
    summary = dict(title=part.title) | record.summary(time.monotonic() - start)
    print_summary(name, summary)
    return summary


def print_summary(name: str, summary: dict[str, Any]) -> None:
    minutes = summary['seconds'] / 60
    CONSOLE.print(f'{name}: {summary["ok"]} of {summary["trials"]} as expected', end='')
    CONSOLE.print(f', in {minutes:.1f} min')
    for group, counts in summary['groups'].items():
        slowest = f', at most {counts["slowest"]} s' if 'slowest' in counts else ''
        CONSOLE.print(f'  {group}: {counts["ok"]} of {counts["trials"]}{slowest}')
    for fault, count in summary['faults'].items():
        CONSOLE.print(f'  {fault}: {count}')


def save(name: str, summary: dict[str, Any], path: Path = RESULTS) -> None:
    """Replace the results of one part, and keep those of the others."""
    with locked(path.with_name(f'.{path.name}.lock')):
        kept = json.loads(path.read_text()) if path.is_file() else {}
        content = {**kept, name: summary}
        write_json(path, {part: content[part] for part in PARTS if part in content})


def main() -> None:
    args = parse_args()
    failed = 0
    for name in args.parts or PARTS:
        if args.list:
            with tempfile.TemporaryDirectory() as folder:
                for trial in PARTS[name].plan(Path(folder)):
                    CONSOLE.print(f'{name}: {trial.name}: {trial.expected}')
            continue
        summary = run_part(name, args)
        failed += summary['trials'] - summary['ok']
        if not args.no_save:
            save(name, summary)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
