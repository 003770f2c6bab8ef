"""Results by config, in the table of configs/gala/README.md and in metafile.yml."""

import re
from statistics import mean

from results_comparisons import top1
from results_table import read_result

COMPARED = {
    'resnet14_digits-lt': 'digits-lt',
    'plain-conv-net_fashion-mnist-lt': 'fashion-mnist-lt_if100',
    'plain-conv-net_fashion-pairs-lt': 'fashion-pairs-lt',
}
TRAINED = {
    'resnet14_fashion-mnist-lt': 'fashion_mnist_lt',
    'resnet32_fashion-mnist-lt_15e': 'fashion_mnist_lt_resnet32',
}
CIFAR_EPOCHS = 200  # shorter runs are trials


def config_results() -> dict[str, dict[str, float]]:
    """Mean top-1 of ``ce``, ``gala`` and ``rebalanced`` for each trained config.

    Results on CIFAR100-LT also include the number of ``seeds``, and lack ``ce`` if it
    has not been trained.
    """
    found = {}
    for config, name in COMPARED.items():
        values = top1(name)
        found[config] = dict(
            ce=values['ce', ''],
            gala=values['gala', ''],
            rebalanced=values['gala', 'rebalancing'],
        )
    for config, name in TRAINED.items():
        found[config] = _means(read_result(name)['runs'])
    runs = [
        r for r in read_result('cifar100_lt')['runs'] if r['epochs'] == CIFAR_EPOCHS
    ]
    for factor in {run['imbalance_factor'] for run in runs}:
        of_factor = [run for run in runs if run['imbalance_factor'] == factor]
        seeds = sum(run['method'] == 'gala' for run in of_factor)
        if seeds:
            config = f'resnet32_cifar100-lt-if{factor}'
            found[config] = {**_means(of_factor), 'seeds': seeds}
    return found


def _means(runs: list[dict]) -> dict[str, float]:
    means = {}
    for key, method, number in (
        ('ce', 'ce', 'top1'),
        ('gala', 'gala', 'top1'),
        ('rebalanced', 'gala', 'top1_rebalanced'),
    ):
        values = [run[number] for run in runs if run['method'] == method]
        if values:
            means[key] = mean(values)
    return means


def describe(result: dict[str, float]) -> str:
    """The results of a config in one cell."""
    labels = {'ce': 'CE', 'gala': 'GALA', 'rebalanced': 're-balanced'}
    text = ', '.join(f'{t} {result[k]:.1f}' for k, t in labels.items() if k in result)
    if seeds := result.get('seeds'):
        text += f' ({seeds} seed{"s" * (seeds > 1)})'
    return text


def with_results(readme: str) -> str:
    """The README of the configs, with our results in the last column."""
    results = config_results()

    def line(match: re.Match) -> str:
        name = match['name']
        cell = describe(results[name]) if name in results else 'not run'
        return f'{match["start"]} {cell} |'

    return re.sub(
        r'^(?P<start>\| `(?P<name>.*?)` \|.*\|)[^|]*\|$', line, readme, flags=re.M
    )


def with_metrics(metafile: str) -> str:
    """The metafile, with the results of every config that was trained."""
    first, *models = re.split(r'(?m)^(?=  - Name: gala_)', metafile)
    results = config_results()
    return first + ''.join(_with_metrics(model, results) for model in models)


def _with_metrics(model: str, results: dict[str, dict[str, float]]) -> str:
    name = model.split('\n')[0].removeprefix('  - Name: gala_')
    model = re.sub(r'    Results:\n(?: {6}.*\n)+', '', model)
    if name not in results:
        return model
    (data,) = re.findall(r'Training Data: (.*)\n', model)
    block = (
        '    Results:\n'
        '      - Task: Image Classification\n'
        f'        Dataset: {data}\n'
        '        Metrics:\n'
        f'          Top 1 Accuracy: {results[name]["gala"]:.1f}\n'
        f'          Top 1 Accuracy (re-balanced): {results[name]["rebalanced"]:.1f}\n'
    )
    return re.sub(r'(    Metadata:\n(?: {6}.*\n)+)', lambda m: m[1] + block, model)
