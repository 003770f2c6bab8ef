"""Table of the CIFAR100-LT trainings."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from results_table import ResultTable, read_result, result_file

COLUMNS = {
    'top1': 'top-1',
    'top1_rebalanced': 're-balanced, tau 1',
    'top1_rebalanced_chosen': 're-balanced, chosen tau',
    'many': 'many',
    'medium': 'medium',
    'few': 'few',
    'ece': 'ECE',
}
HEADER = ['factor', 'method', 'run', 'epochs', *COLUMNS.values()]


def with_chosen_tau(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Runs of CIFAR100-LT, with the accuracy at the chosen tau if known."""
    taus: dict[tuple[str, int], float] = {
        (run['method'], run['imbalance_factor']): run['tau']
        for run in results['tau_runs']
    }
    runs = []
    for run in results['runs']:
        tau = taus.get((run['method'], run['imbalance_factor']))
        chosen = {}
        if tau is not None:
            accuracy = run['top1_by_tau'][f'{tau:.1f}']
            chosen = dict(tau=tau, top1_rebalanced_chosen=accuracy)
        runs.append({**run, **chosen})
    return runs


def cifar100_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """One row per run and, for several seeds, one with their mean."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for run in with_chosen_tau(results):
        key = (run['imbalance_factor'], run['method'], run['epochs'])
        groups.setdefault(key, []).append(run)
    rows = []
    for (factor, method, epochs), runs in groups.items():
        named = [
            (f'seed {r["seed"]}', [r]) for r in sorted(runs, key=lambda r: r['seed'])
        ]
        if len(runs) > 1:
            named.append((f'mean of {len(runs)}', runs))
        for name, of_row in named:
            cells = [_mean_or_dash(of_row, key) for key in COLUMNS]
            rows.append([str(factor), method, name, str(epochs), *cells])
    return rows


def _mean_or_dash(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    values = [run[key] for run in runs if key in run]
    return f'{mean(values):.1f}' if len(values) == len(runs) else '-'


def cifar100_table() -> ResultTable:
    """All finished runs on CIFAR100-LT."""
    return ResultTable(
        HEADER,
        cifar100_rows(read_result('cifar100_lt')),
        'python benchmarks/cifar100_lt.py',
        [result_file('cifar100_lt')],
    )
