"""Tables of accuracies on single data sets."""

import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from results_table import ROOT, ResultTable, read_result, result_file

from mmgala.utils.tables import cells_over_seeds

sys.path.append(str(ROOT))  # for projects

from projects.gala_study.gradient_claims import claim_rows

COLUMNS = {
    'top1': 'top-1',
    'many': 'many',
    'medium': 'medium',
    'few': 'few',
    'worst_class': 'worst class',
    'ece': 'ECE',
}


def _four_rows(
    runs_of: Callable[[str, str], Sequence[Mapping[str, float]]],
) -> list[list[str]]:
    """Cross-entropy and GALA, each raw and re-balanced."""
    rows = []
    for method, label in (('ce', 'CE'), ('gala', 'GALA')):
        for step, suffix in (('', ''), ('rebalancing', ' + re-balancing')):
            runs = runs_of(method, step)
            rows.append([label + suffix, *cells_over_seeds(runs, COLUMNS)])
    return rows


def digits_table() -> ResultTable:
    """The demo's four rows; ``make demo`` prints the same numbers."""
    rows = {
        (row['method'], row['post_hoc']): row['runs']
        for row in read_result('compare_digits-lt')['rows']
    }
    return ResultTable(
        ['', *COLUMNS.values()],
        _four_rows(lambda method, step: rows[method, step]),
        'make demo',
        [result_file('compare_digits-lt')],
    )


def _fashion_table(name: str, command: str) -> ResultTable:
    runs = read_result(name)['runs']

    def runs_of(method: str, step: str) -> list[dict[str, float]]:
        suffix = '_rebalanced' if step else ''
        return [
            {key: run[key + suffix] for key in COLUMNS if key + suffix in run}
            for run in runs
            if run['method'] == method
        ]

    return ResultTable(
        ['', *COLUMNS.values()], _four_rows(runs_of), command, [result_file(name)]
    )


def fashion_table() -> ResultTable:
    """ResNet-14 on Fashion-MNIST-LT."""
    return _fashion_table('fashion_mnist_lt', 'python benchmarks/fashion_mnist_lt.py')


def fashion_resnet32_table() -> ResultTable:
    """ResNet-32 and the CIFAR recipe on Fashion-MNIST-LT."""
    return _fashion_table(
        'fashion_mnist_lt_resnet32',
        'python benchmarks/fashion_mnist_lt.py --network resnet32 --seeds 1',
    )


GRADIENT_COMMANDS = {
    'resnet14': 'python -m projects.gala_study.gradient_balance',
    'resnet32': 'python -m projects.gala_study.gradient_balance --network resnet32',
}


def gradient_balance_table(network: str) -> ResultTable:
    """The paper's claims about gradients, for one network."""
    name = f'gradient_balance_{network}'
    header, rows = claim_rows(read_result(name)['runs'])
    return ResultTable(header, rows, GRADIENT_COMMANDS[network], [result_file(name)])


DETECTORS = {
    'faster-rcnn': {
        'ce': 'Faster R-CNN, cross-entropy',
        'ce-objectness': 'Faster R-CNN, cross-entropy, objectness pair',
        'seesaw': 'Faster R-CNN, Seesaw',
        'counts-objectness': 'Faster R-CNN, balanced softmax, objectness pair',
        'gala': 'Faster R-CNN, GALA, one softmax',
        'gala-objectness': 'Faster R-CNN, GALA, objectness pair (default)',
        'counts-objectness-cosine': 'Faster R-CNN, balanced softmax, pair, cosines',
        'gala-margin': 'Faster R-CNN, GALA with label margins, pair, cosines',
        'gala-lead': 'Faster R-CNN, GALA with label margins by lead, pair, cosines',
    },
    'retinanet': {
        'focal': 'RetinaNet, focal',
        'ce-objectness-quarter': 'RetinaNet, cross-entropy, times objectness',
        'counts-objectness-quarter': 'RetinaNet, balanced softmax, times objectness',
        'gala-objectness-quarter': 'RetinaNet, GALA, times objectness (default)',
        'ce-objectness': 'RetinaNet, cross-entropy, class weight 1',
        'gala-objectness': 'RetinaNet, GALA, class weight 1',
        'gala': 'RetinaNet, GALA, sigmoid (removed)',
        'gala-theta': 'RetinaNet, GALA, sigmoid with background (removed)',
    },
}
BOX_METRICS = ('AP', 'APr', 'APc', 'APf')
PLACES = {
    'right': 'the object',
    'f': 'a frequent class',
    'c': 'a common class',
    'r': 'another rare class',
    'none': 'background',
}


def _collage_table(header: list[str], rows: list[list[str]]) -> ResultTable:
    command = 'python -m projects.collage_lvis.compare_losses'
    return ResultTable(['', *header], rows, command, [result_file('collage_lvis')])


def _detector_runs() -> dict[str, list[Mapping[str, Any]]]:
    """Runs of each detector and method, by the label of their row."""
    runs = read_result('collage_lvis')['runs']
    return {
        label: [r for r in runs if (r['detector'], r['method']) == (detector, method)]
        for detector, labels in DETECTORS.items()
        for method, label in labels.items()
    }


def collage_table() -> ResultTable:
    """Box AP of the small detectors: the mean over the seeds."""
    rows = [
        [label, *(f'{mean(run["test"][m] for run in runs):.1f}' for m in BOX_METRICS)]
        for label, runs in _detector_runs().items()
    ]
    return _collage_table(list(BOX_METRICS), rows)


def rare_detections_table() -> ResultTable:
    """Detections of rare classes by what they lie on: mean number and mean score."""
    rows = []
    for label, runs in _detector_runs().items():
        cells = []
        for place in PLACES:
            found = [run['rare_detections'][place] for run in runs]
            scores = [score for _, score in found if score is not None]
            number = mean(count for count, _ in found)
            cells.append(f'{number:.0f} ({mean(scores):.2f})' if scores else '0')
        rows.append([label, *cells])
    return _collage_table(list(PLACES.values()), rows)
