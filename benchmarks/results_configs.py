"""Results by config, in the table of configs/gala/README.md and in the metafiles."""

import re
from statistics import mean

from results_comparisons import means
from results_table import read_result

# Methods, as the comparisons name them, by the folder of their configs.
METHODS = {
    'cross_entropy': 'ce',
    'gala': 'gala',
    'gala_lead': 'gala-lead',
    'gala_margin': 'gala-margin',
    'balanced_softmax': 'balanced-softmax',
    'class_balanced': 'cb-ce',
    'class_balanced_focal': 'cb-focal',
    'eql': 'eql',
    'gcl': 'gcl-one-stage',
    'label_aware_smoothing': 'las-one-stage',
    'ldam_drw': 'ldam-drw',
    'seesaw': 'seesaw',
    'vector_scaling': 'vs',
}
COMPARED = {
    'resnet14_digits-lt': 'digits-lt',
    'plain-conv-net_fashion-mnist-lt': 'fashion-mnist-lt_if100',
    'plain-conv-net_fashion-pairs-lt': 'fashion-pairs-lt',
    'resnet18_plankton': 'plankton',
}
# Configs whose test set is not balanced, so the mean over classes counts.
UNBALANCED = {'resnet18_plankton'}
TRAINED = {
    'resnet14_fashion-mnist-lt': 'fashion_mnist_lt',
    'resnet32_fashion-mnist-lt_15e': 'fashion_mnist_lt_resnet32',
}
CIFAR = re.compile(r'resnet32_cifar100-lt-if(\d+)')
CIFAR_EPOCHS = 200  # shorter runs are trials
RAW, REBALANCED = '', '_rebalanced'


def results(folder: str, config: str) -> dict[str, float]:
    """Mean accuracies of a config, raw and re-balanced; empty if it was not run.

    Args:
        folder: of the config, in ``configs``.
        config: name of its file, without suffix.
    """
    method = METHODS.get(folder)
    if config in COMPARED:
        found = means(COMPARED[config], measure(config))
        keys = {RAW: (method, ''), REBALANCED: (method, 'rebalancing')}
        return {name: found[key] for name, key in keys.items() if key in found}
    runs = runs_of(config, method)
    key = measure(config)
    return {
        step: mean(run[f'{key}{step}'] for run in runs)
        for step in (RAW, REBALANCED)
        if runs
    }


def measure(config: str) -> str:
    """The accuracy that the results of a config give."""
    return 'class_mean' if config in UNBALANCED else 'top1'


def metrics(folder: str, config: str) -> dict[str, float]:
    """The results as the metafile of the folder names them."""
    name = 'Mean Class Accuracy' if config in UNBALANCED else 'Top 1 Accuracy'
    names = {RAW: name, REBALANCED: f'{name} (re-balanced)'}
    return {names[step]: value for step, value in results(folder, config).items()}


def runs_of(config: str, method: str | None) -> list[dict]:
    """The trainings of a config that has a benchmark of its own."""
    if config in TRAINED:
        runs = read_result(TRAINED[config])['runs']
    elif (cifar := CIFAR.fullmatch(config)) is not None:
        runs = [
            run
            for run in read_result('cifar100_lt')['runs']
            if run['imbalance_factor'] == int(cifar[1])
            and run['epochs'] == CIFAR_EPOCHS
        ]
    else:
        return []
    return [run for run in runs if run['method'] == method]


def describe(config: str) -> str:
    """The results of GALA, and of cross-entropy, in one cell."""
    ce, gala = results('cross_entropy', config), results('gala', config)
    if not gala:
        return 'not run'
    parts = [f'CE {ce[RAW]:.1f}'] if ce else []
    parts += [f'GALA {gala[RAW]:.1f}', f're-balanced {gala[REBALANCED]:.1f}']
    text = ', '.join(parts)
    if config in UNBALANCED:
        text = f'mean over classes: {text}'
    if CIFAR.fullmatch(config):
        seeds = len(runs_of(config, 'gala'))
        text += f' ({seeds} seed{"s" * (seeds > 1)})'
    return text


def with_results(readme: str) -> str:
    """The README of the configs, with our results in the last column."""
    return re.sub(
        r'^(?P<start>\| `(?P<name>.*?)` \|.*\|)[^|]*\|$',
        lambda match: f'{match["start"]} {describe(match["name"])} |',
        readme,
        flags=re.M,
    )


def with_metrics(metafile: str) -> str:
    """A metafile, with the results of every config that was trained."""
    first, *models = re.split(
        r'(?m)^(?=  - Name: [\w-]+\n    In Collection:)', metafile
    )
    return first + ''.join(map(_with_metrics, models))


def _with_metrics(model: str) -> str:
    (place,) = re.findall(r' {4}Config: configs/(.+)/(.+)\.py\n', model)
    model = re.sub(r'    Results:\n(?: {6}.*\n)+', '', model)
    found = metrics(*place)
    if not found:
        return model
    (data,) = re.findall(r'Training Data: (.*)\n', model)
    block = (
        '    Results:\n'
        '      - Task: Image Classification\n'
        f'        Dataset: {data}\n'
        '        Metrics:\n'
    ) + ''.join(f'          {name}: {value:.1f}\n' for name, value in found.items())
    return re.sub(r'(    Metadata:\n(?: {6}.*\n)+)', lambda m: m[1] + block, model)
