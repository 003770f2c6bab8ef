"""The metafiles of all methods, and the index of them."""

import json
from pathlib import Path
from statistics import mean

import pytest
import yaml
from modelindex.load_model_index import load

ROOT = Path(__file__).parents[2]
INDEX = ROOT / 'model-index.yml'
FILES = {
    path: yaml.safe_load((ROOT / path).read_text())
    for path in yaml.safe_load(INDEX.read_text())['Import']
}
MODELS = {
    model['Config']: model for content in FILES.values() for model in content['Models']
}
# Methods of the comparisons, by folder; settings of the method stand after the colon.
METHODS = {
    'cross_entropy': 'ce',
    'gala': 'gala',
    'gala_lead': 'gala-lead',
    'gala_margin': 'gala-margin',
    'balanced_softmax': 'balanced-softmax',
    'class_balanced': 'cb-ce',
    'class_balanced_focal': 'cb-focal',
    'eql': 'eql:tail_threshold=0.03',
    'gcl': 'gcl-one-stage',
    'label_aware_smoothing': 'las-one-stage',
    'ldam_drw': 'ldam-drw',
    'seesaw': 'seesaw',
    'vector_scaling': 'vs',
}


def result(name):
    return json.loads((ROOT / 'benchmarks' / 'results' / f'{name}.json').read_text())


def metrics(model):
    (found,) = model['Results']
    assert found['Dataset'] == model['Metadata']['Training Data']
    return found['Metrics']


def test_every_config_is_in_one_metafile():
    configs = {p.relative_to(ROOT).as_posix() for p in ROOT.glob('configs/[!_]*/*.py')}
    listed = [model['Config'] for file in FILES.values() for model in file['Models']]

    assert sorted(listed) == sorted(configs)


def test_models_are_named_after_folder_and_file():
    for config, model in MODELS.items():
        path = Path(config)
        assert model['Name'] == f'{path.parent.name}_{path.stem}'


def test_collections_weights_and_pages_exist():
    for file in FILES.values():
        names = {collection['Name'] for collection in file['Collections']}
        assert {model['In Collection'] for model in file['Models']} == names
        for collection in file['Collections']:
            assert (ROOT / collection.get('README', 'README.md')).is_file()
    weights = {m['Weights'] for m in MODELS.values() if 'Weights' in m}
    there = ROOT.glob('benchmarks/results/**/*.pth')
    assert weights == {path.relative_to(ROOT).as_posix() for path in there}


def test_mim_reads_the_index():
    index = load(str(INDEX))

    assert {model.config for model in index.models} == set(MODELS)


@pytest.mark.parametrize('folder', METHODS)
def test_results_on_digits_are_those_of_the_comparison(folder):
    rows = {row['name']: row for row in result('compare_digits-lt')['rows']}
    expected = {
        key: round(mean(run['top1'] for run in rows[name]['runs']), 1)
        for key, name in (
            ('Top 1 Accuracy', METHODS[folder]),
            ('Top 1 Accuracy (re-balanced)', f'{METHODS[folder]} + re-balancing'),
        )
    }

    assert metrics(MODELS[f'configs/{folder}/resnet14_digits-lt.py']) == expected


@pytest.mark.parametrize('folder', ['cross_entropy', 'balanced_softmax', 'gala'])
def test_results_on_cifar100_are_those_of_the_queue(folder):
    runs = [
        run
        for run in result('cifar100_lt')['runs']
        if (run['method'], run['imbalance_factor'], run['epochs'])
        == (METHODS[folder], 100, 200)
    ]

    assert metrics(MODELS[f'configs/{folder}/resnet32_cifar100-lt-if100.py']) == {
        'Top 1 Accuracy': round(mean(run['top1'] for run in runs), 1),
        'Top 1 Accuracy (re-balanced)': round(
            mean(run['top1_rebalanced'] for run in runs), 1
        ),
    }


def test_no_other_model_has_results():
    """Of a method that was compared with the settings of its config, or trained."""
    with_results = {config for config, model in MODELS.items() if 'Results' in model}
    expected = {f'configs/{folder}/resnet14_digits-lt.py' for folder in METHODS}
    for folder in ('cross_entropy', 'gala'):
        expected |= {
            f'configs/{folder}/{name}.py'
            for name in (
                'plain-conv-net_fashion-mnist-lt',
                'plain-conv-net_fashion-pairs-lt',
                'resnet14_fashion-mnist-lt',
                'resnet32_fashion-mnist-lt_15e',
                'resnet18_plankton',
            )
        }
    expected |= {
        c for c in with_results if 'cifar100' in c and Path(c).parent.name in METHODS
    }
    assert with_results == expected
