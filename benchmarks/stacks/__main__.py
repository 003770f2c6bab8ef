"""Try mmgala in fresh environments, and store what worked.

    python -m benchmarks.stacks original newest
    python -m benchmarks.stacks --list

Each environment is made with `venv` and `pip`, and removed at the end. This program
needs nothing but Python itself, so CI can run it. Names and installation of the stacks
are in catalogue.py, the trials in trials.py.
"""

import argparse
import datetime
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.stacks.catalogue import STACKS, Stack
from benchmarks.stacks.environment import ROOT, Environment, find_python
from benchmarks.stacks.trials import CORE_TRIALS, OPENMMLAB_TRIALS, Outcome

RESULTS = ROOT / 'benchmarks' / 'results' / 'stacks.json'
SHOWN = (
    'torch', 'torchvision', 'numpy', 'mmengine', 'onedl-mmengine', 'mmcv', 'mmcv-lite',
    'onedl-mmcv', 'mmpretrain', 'onedl-mmpretrain',
)  # fmt: skip


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('names', nargs='*', metavar='NAME', help='stacks to try')
    parser.add_argument('--list', action='store_true', help='list the stacks')
    parser.add_argument(
        '--project', default=str(ROOT), help='wheel to install; default: the checkout'
    )
    parser.add_argument(
        '--folder', type=Path, help='where to make environments; default: temporary'
    )
    parser.add_argument(
        '--keep', action='store_true', help='keep environments, and use those kept'
    )
    parser.add_argument(
        '--out', type=Path, default=RESULTS, help='results; those of others are kept'
    )
    return parser.parse_args()


def make(stack: Stack, folder: Path, project: str, keep: bool) -> Environment:
    """Install a stack, then mmgala.

    Raises:
        RuntimeError: if pip fails, or mmgala changes what was installed before.
    """
    kept = keep and (folder / 'complete').exists()
    environment = Environment(folder, None if kept else find_python(stack.python))
    if kept:
        environment.run(['python', '-m', 'pip', 'uninstall', '-qy', 'mmgala'], ROOT)
    else:
        for arguments in stack.before:
            environment.install(arguments, project)
        (folder / 'complete').touch()
    before = environment.packages()
    for arguments in stack.project:
        environment.install(arguments, project)
    after = environment.packages()
    changed = [name for name in before if after.get(name) != before[name]]
    if changed:
        raise RuntimeError(f'installing mmgala changed {", ".join(changed)}')
    return environment


def try_stack(name: str, folder: Path, project: str, keep: bool) -> dict[str, Any]:
    """Install one stack and run every trial; what went wrong is part of the result."""
    stack = STACKS[name]
    trials = CORE_TRIALS | (OPENMMLAB_TRIALS if stack.openmmlab else {})
    result: dict[str, Any] = dict(title=stack.title, python=stack.python)
    try:
        environment = make(stack, folder / name, project, keep)
    except (RuntimeError, FileNotFoundError) as error:
        return result | dict(installed=str(error), trials={})
    packages = environment.packages()
    result |= dict(installed=True, date=str(datetime.date.today()))
    result |= dict(versions={k: packages[k] for k in SHOWN if k in packages})
    result |= dict(megabytes=round(environment.size() / 1e6))
    work = folder / f'{name}.work'
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    outcomes = {}
    for trial, function in trials.items():
        outcomes[trial] = function(environment, work)
        print(f'{name}: {trial}: {_shown(outcomes[trial])}', flush=True)
    result['trials'] = {k: True if v.ok else v.text for k, v in outcomes.items()}
    if not keep:
        environment.remove()
    return result


def _shown(outcome: Outcome) -> str:
    return 'works' if outcome.ok else outcome.text


def main() -> None:
    """Try what is named on the command line."""
    args = parse_args()
    unknown = [name for name in args.names if name not in STACKS]
    if unknown:
        sys.exit(f'error: no stack {unknown[0]!r}: choose from {", ".join(STACKS)}.')
    if args.list or not args.names:
        print(
            '\n'.join(f'{k:20}{v.title}, Python {v.python}' for k, v in STACKS.items())
        )
        return
    folder = args.folder or Path(tempfile.mkdtemp(prefix='stacks-'))
    failed = False
    for name in args.names:
        result = try_stack(name, folder, args.project, args.keep)
        failed |= result['installed'] is not True
        failed |= any(ok is not True for ok in result['trials'].values())
        results = json.loads(args.out.read_text()) if args.out.is_file() else {}
        results[name] = result
        args.out.write_text(json.dumps(results, indent=2) + '\n')
    sys.exit(failed)


if __name__ == '__main__':
    main()
