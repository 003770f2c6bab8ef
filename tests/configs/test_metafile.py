"""configs/gala/README.md and metafile.yml: every config, and its results."""

import json
import re
from pathlib import Path
from statistics import mean

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GALA = ROOT / 'configs' / 'gala'
NAMES = sorted(path.stem for path in GALA.glob('*.py'))

# Table of the paper, arXiv 2403.09036: GALA, GALA + re-balancing.
PUBLISHED = {
    'resnet32_cifar100-lt-if200': (48.0, 48.5),
    'resnet32_cifar100-lt-if100': (52.1, 52.3),
    'resnet32_cifar100-lt-if50': (56.0, 56.5),
    'resnet32_cifar100-lt-if10': (63.8, 64.2),
    'resnext50_imagenet-lt': (53.4, 54.9),
    'resnet50_inaturalist2018': (71.2, 73.3),
    'resnet152_places-lt': (41.0, 41.4),
}
RUN = {
    'resnet14_fashion-mnist-lt': 'fashion_mnist_lt.json',
    'resnet32_fashion-mnist-lt_15e': 'fashion_mnist_lt_resnet32.json',
    'plain-conv-net_fashion-mnist-lt': 'compare_fashion-mnist-lt_if100.json',
    'plain-conv-net_fashion-pairs-lt': 'compare_fashion-pairs-lt.json',
}
# Configs with results that have tests of their own.
OTHER = {'resnet14_digits-lt', 'resnet18_plankton'}


CIFAR100 = json.loads((ROOT / 'benchmarks/results/cifar100_lt.json').read_text())


def cifar100_runs(name, method):
    """Finished runs of a method on the data of a config, whole trainings only."""
    return [
        run
        for run in CIFAR100['runs']
        if name == f'resnet32_cifar100-lt-if{run["imbalance_factor"]}'
        and (run['method'], run['epochs']) == (method, 200)
    ]


CIFAR100_RUN = {name for name in NAMES if cifar100_runs(name, 'gala')}


@pytest.fixture(scope='module')
def models():
    """Entries of the metafile by the stem of their config."""
    content = yaml.safe_load((GALA / 'metafile.yml').read_text())
    return {Path(model['Config']).stem: model for model in content['Models']}


@pytest.fixture(scope='module')
def rows():
    """Cells of the README's result table by config."""
    lines = re.findall(r'^\| `(.*?)` \|(.*)\|$', (GALA / 'README.md').read_text(), re.M)
    return {name: [cell.strip() for cell in rest.split('|')] for name, rest in lines}


def test_every_config_has_its_place(models, rows):
    assert sorted(models) == NAMES
    assert sorted(rows) == NAMES
    for name, model in models.items():
        assert model['Config'] == f'configs/gala/{name}.py'
        assert model['Name'] == f'gala_{name}'


@pytest.mark.parametrize('name', NAMES)
def test_published_numbers_are_the_papers(models, rows, name):
    metadata = models[name]['Metadata']
    found = (
        metadata.get('Published Top 1 Accuracy'),
        metadata.get('Published Top 1 Accuracy (re-balanced)'),
    )
    expected = PUBLISHED.get(name, (None, None))

    assert found == expected
    assert rows[name][2:4] == ['-' if x is None else f'{x:.1f}' for x in expected]


@pytest.mark.parametrize('name', sorted(set(NAMES) - set(RUN) - CIFAR100_RUN - OTHER))
def test_what_was_not_run_says_so(models, rows, name):
    assert 'Results' not in models[name]
    assert rows[name][-1] == 'not run'


@pytest.mark.parametrize('name', sorted(CIFAR100_RUN))
def test_numbers_of_cifar100_are_those_of_the_queue(models, rows, name):
    gala, ce = cifar100_runs(name, 'gala'), cifar100_runs(name, 'ce')
    raw, rebalanced = (
        round(mean(run[key] for run in gala), 1) for key in ('top1', 'top1_rebalanced')
    )
    (result,) = models[name]['Results']

    assert result['Metrics'] == {
        'Top 1 Accuracy': raw,
        'Top 1 Accuracy (re-balanced)': rebalanced,
    }
    seeds = f'{len(gala)} seed{"s" * (len(gala) > 1)}'
    expected = f'GALA {raw:.1f}, re-balanced {rebalanced:.1f} ({seeds})'
    if ce:
        expected = f'CE {mean(run["top1"] for run in ce):.1f}, {expected}'
    assert rows[name][-1] == expected
    if weights := models[name].get('Weights'):
        assert (ROOT / weights).is_file()


def top1_means(results):
    """Mean top-1 over the seeds, by method and key."""
    if 'rows' not in results:  # of a benchmark of its own
        return {
            (method, key): mean(
                r[key] for r in results['runs'] if r['method'] == method
            )
            for method in ('ce', 'gala')
            for key in ('top1', 'top1_rebalanced')
        }
    rows = {
        row['name']: mean(r['top1'] for r in row['runs']) for row in results['rows']
    }
    return {
        (method, f'top1{key}'): rows[f'{method}{suffix}']
        for method in ('ce', 'gala')
        for key, suffix in (('', ''), ('_rebalanced', ' + re-balancing'))
    }


@pytest.mark.parametrize('name', sorted(RUN))
def test_our_numbers_are_those_of_the_results(models, rows, name):
    top1 = top1_means(json.loads((ROOT / 'benchmarks/results' / RUN[name]).read_text()))
    (result,) = models[name]['Results']

    assert result['Metrics'] == {
        'Top 1 Accuracy': round(top1['gala', 'top1'], 1),
        'Top 1 Accuracy (re-balanced)': round(top1['gala', 'top1_rebalanced'], 1),
    }
    assert rows[name][-1] == (
        f'CE {top1["ce", "top1"]:.1f}, GALA {top1["gala", "top1"]:.1f}, '
        f're-balanced {top1["gala", "top1_rebalanced"]:.1f}'
    )


def test_numbers_of_plankton_are_means_over_classes(models, rows):
    """Its test part is not balanced, so top-1 is that of the frequent classes."""
    results = json.loads(
        (ROOT / 'benchmarks/results/compare_plankton.json').read_text()
    )
    ce, gala, rebalanced = (
        mean(run['class_mean'] for row in results['rows'] if row['name'] == name
             for run in row['runs'])
        for name in ('ce', 'gala', 'gala + re-balancing')
    )  # fmt: skip
    (result,) = models['resnet18_plankton']['Results']

    assert result['Metrics'] == {
        'Mean Class Accuracy': round(gala, 1),
        'Mean Class Accuracy (re-balanced)': round(rebalanced, 1),
    }
    assert rows['resnet18_plankton'][-1] == (
        f'mean over classes: CE {ce:.1f}, GALA {gala:.1f}, re-balanced {rebalanced:.1f}'
    )
