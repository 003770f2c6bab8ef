"""Tables of the reliability campaign."""

from typing import Any

from results_table import ResultTable, read_result, result_file

FILE = 'reliability'
COMMAND = 'python -m benchmarks.reliability'


def reliability_table() -> ResultTable:
    """Trials of each part, how many ended as expected, and the faults of the others."""
    rows = []
    for part in read_result(FILE).values():
        rows.append([f'**{part["title"]}**', *_counts(part), part['date']])
        if len(part['groups']) > 1:
            for name, group in part['groups'].items():
                rows.append([name, *_counts(group), ''])
    header = ['what was tried', 'trials', 'as expected', 'slowest end', 'date']
    return ResultTable(header, rows, COMMAND, [result_file(FILE)])


def failures_table() -> ResultTable:
    """Every trial that did not end as expected."""
    rows = [
        [failure['name'], failure['expected'], failure['seen'], failure['fault']]
        for part in read_result(FILE).values()
        for failure in part['failed']
    ]
    header = ['trial', 'expected', 'seen', 'fault']
    rows = rows or [['none', '', '', '']]
    return ResultTable(header, rows, COMMAND, [result_file(FILE)])


def _counts(counts: dict[str, Any]) -> list[str]:
    slowest = f'{counts["slowest"]:.1f} s' if 'slowest' in counts else ''
    return [f'{counts["trials"]:,}', f'{counts["ok"]:,}', slowest]
