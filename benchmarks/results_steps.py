"""Tables of whole trainings: speed beside MMPretrain, and where the time goes."""

from typing import Any

from results_table import ResultTable, read_result, result_file

FILES = ('training_step', 'training_step_cuda')
COMMAND = 'python benchmarks/training_step.py --starts 5 --seconds 1800 --profile'
NETWORKS = {'resnet32': 'ResNet-32', 'resnet50': 'ResNet-50'}
SIDES = ('MMPretrain', 'mmgala')
NETWORK = 'network and optimizer'
NETWORK_PARTS = {
    'data preprocessor',
    'network, forward',
    'backward pass',
    'optimizer',
}
SMALL = 0.01  # milliseconds; smaller parts of a step share a row


def _rows() -> tuple[list[dict], list[str]]:
    """Rows of all devices that were measured, and the names of their files."""
    names = [name for name in FILES if result_file(name).is_file()]
    return [row for name in names for row in read_result(name)['rows']], names


def _what(row: dict) -> str:
    device = 'GPU' if row['device'] == 'cuda' else 'CPU'
    return f'{NETWORKS[row["network"]]}, {device}, batch {row["batch"]}'


def _speed(value: float) -> str:
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def _ratio(values: dict[str, float]) -> str:
    return f'{values["ratio"]:.3f} ({values["low"]:.3f} to {values["high"]:.3f})'


def training_step_table() -> ResultTable:
    """Images per second of whole trainings, beside MMPretrain."""
    found, names = _rows()
    rows = [
        [
            f'{_what(row)}: {row["side"]}',
            _speed(row['images_per_second']),
            _ratio(row),
            _ratio(row['cpu_time']),
        ]
        for row in found
        if row['side'] != 'MMPretrain'
    ]
    header = ['training', 'images per second', 'ratio (quartiles)', 'ratio of CPU time']
    return ResultTable(header, rows, COMMAND, [result_file(name) for name in names])


def _parts(row: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of the parts of a step, with the network's together."""
    parts = {NETWORK: 0.0}
    for name, value in row['milliseconds'].items():
        key = NETWORK if name in NETWORK_PARTS else name
        parts[key] = parts.get(key, 0.0) + value
    return parts


def step_parts_table() -> ResultTable:
    """Where the time of a step goes outside the network."""
    found, names = _rows()
    columns = [
        (row, _parts(row))
        for row in found
        if row['side'] in SIDES and 'milliseconds' in row
    ]
    every = dict.fromkeys(part for _, parts in columns for part in parts)
    large = [k for k in every if max(p.get(k, 0.0) for _, p in columns) >= SMALL]
    rows = [
        [key, *(f'{p[key]:.2f}' if key in p else '' for _, p in columns)]
        for key in large
    ]
    others = [sum(p[k] for k in p if k not in large) for _, p in columns]
    rows.append(['other hooks', *(f'{value:.2f}' for value in others)])
    header = ['milliseconds of a step']
    header += [
        f'{NETWORKS[row["network"]]}, '
        f'{"GPU" if row["device"] == "cuda" else "CPU"}, {row["side"]}'
        for row, _ in columns
    ]
    return ResultTable(header, rows, COMMAND, [result_file(name) for name in names])
