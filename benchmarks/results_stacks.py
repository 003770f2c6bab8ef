"""Table of the environments that were tried."""

from typing import Any

from results_table import ResultTable, read_result, result_file

FILE = 'stacks'
COMMAND = 'python -m benchmarks.stacks NAME'
VERSIONS = ('torch', 'torchvision', 'numpy')


def stacks_table() -> ResultTable:
    """Versions of each stack, its size on disk, and what worked."""
    rows = []
    for name, stack in read_result(FILE).items():
        rows.append(
            [
                f'`{name}`',
                stack['python'],
                *(stack['versions'].get(key, '') for key in VERSIONS),
                _openmmlab(stack['versions']),
                f'{stack["megabytes"] / 1000:.1f} GB',
                _worked(stack['trials']),
                stack['date'],
            ]
        )
    header = ['stack', 'Python', *VERSIONS, 'OpenMMLab', 'on disk', 'works', 'date']
    return ResultTable(header, rows, COMMAND, [result_file(FILE)])


def _openmmlab(versions: dict[str, str]) -> str:
    return ', '.join(f'{k} {v}' for k, v in versions.items() if k not in VERSIONS)


def _worked(trials: dict[str, Any]) -> str:
    failed = [f'{name} ({text})' for name, text in trials.items() if text is not True]
    return f'all but {", ".join(failed)}' if failed else _all(trials)


def _all(trials: dict[str, Any]) -> str:
    return f'all {len(trials)}' if len(trials) > 1 else ', '.join(trials)
