"""Places-LT, iNaturalist 2018 and CIFAR-LT from training to re-balanced metrics."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from mmpretrain.models import ResNet

from mmgala.utils.checkpoint import read_checkpoint
from tests.miniatures import COUNTS, SPECIES
from tests.small_recipes import (
    NARROW,
    ONE_RESIDUAL_STAGE,
    THIN,
    epochs,
    small_images,
)
from tests.tools.command_line import assert_one_line
from tests.tools.recipes import changes_for, evaluate, logs, shipped, train, weights

GROUPS = ('accuracy/many', 'accuracy/medium', 'accuracy/few')
CLOSED = 'http://127.0.0.1:9'  # a port without a server


def figures(config, checkpoint, work_dir, *arguments):
    """Metrics of a test."""
    end = evaluate(config, checkpoint, work_dir, '--out', 'm.json', *arguments)
    assert end is None, end
    return json.loads((work_dir.parent / 'm.json').read_text())


@pytest.fixture(scope='module')
def places(tmp_path_factory, miniatures):
    """Places-LT's recipe with a narrow network that is initialised from a file."""
    folder = tmp_path_factory.mktemp('places')
    name = 'gala/resnet152_places-lt'
    changes = {**THIN, **epochs(1, 1), **small_images(64)}
    small = changes_for(name, miniatures, **changes)
    weights_file = folder / 'weights.pth'
    state = ResNet(18, stem_channels=8, base_channels=8).state_dict()
    torch.save({f'backbone.{k}': v for k, v in state.items()}, weights_file)
    start = f'stage1.model.backbone.init_cfg.checkpoint={weights_file}'
    end = train(shipped(name), folder / 'work', *small, start)
    assert end is None, end
    return SimpleNamespace(name=name, small=small, weights=weights_file,
                           work_dir=folder / 'work')  # fmt: skip


def test_places_trains_only_the_last_residual_stage(places):
    start = weights(places.weights)
    first = weights(places.work_dir / 'stage1' / 'epoch_1.pth')
    second = weights(places.work_dir / 'epoch_1.pth')

    def moved(before, after):
        return {n for n in start if not torch.equal(before[n], after[n])}

    assert moved(start, first) == {name for name in start if 'layer4' in name}
    # Batch norm statistics of the frozen network still change with other images.
    statistics = {n for n in start if 'running' in n or 'num_batches' in n}
    assert moved(first, second) == statistics


def test_places_is_tested_and_rebalanced(places, tmp_path):
    metrics = figures(shipped(places.name), places.work_dir / 'epoch_1.pth',
                      tmp_path / 'work', '--rebalance', '--tau', 'auto',
                      *places.small)  # fmt: skip

    assert set(GROUPS) <= set(metrics)
    assert 'WARNING: the validation set' not in logs(tmp_path / 'work')


def test_offline_error_says_what_to_download(places, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
        monkeypatch.setenv(name, CLOSED)
    monkeypatch.setenv('no_proxy', '')

    end = train(shipped(places.name), tmp_path / 'work', *places.small)

    assert_one_line(
        end,
        r'Could not download https://download\.openmmlab\.com/\S+/'
        r'resnet152_8xb32_in1k_20210901-4d7582fa\.pth .* put it at '
        + re.escape(str(tmp_path / 'home/hub/checkpoints/resnet152_8xb32_in1k_'))
        + r'\S+\.pth, or .* --cfg-options '
        r'stage1\.model\.backbone\.init_cfg\.checkpoint=FILE',
    )
    assert not list((tmp_path / 'work').rglob('*.pth'))


def test_missing_initial_weights(places, tmp_path):
    end = train(shipped(places.name), tmp_path / 'work', *places.small,
                'stage1.model.backbone.init_cfg.checkpoint=nothing.pth')  # fmt: skip

    assert_one_line(end, r'Checkpoint nothing\.pth does not exist')


@pytest.fixture(scope='module')
def inaturalist(tmp_path_factory, miniatures):
    """iNaturalist's recipe; of the classes, the config has only the number."""
    work_dir = tmp_path_factory.mktemp('inaturalist') / 'work'
    name = 'gala/resnet50_inaturalist2018'
    changes = {**ONE_RESIDUAL_STAGE, **epochs(1, 2), **small_images()}
    small = changes_for(name, miniatures, **changes)
    end = train(shipped(name), work_dir, *small)
    assert end is None, end
    return SimpleNamespace(config=shipped(name), small=small, work_dir=work_dir,
                           checkpoint=work_dir / 'epoch_2.pth')  # fmt: skip


@pytest.fixture(scope='module')
def inaturalist_figures(inaturalist, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('test') / 'work'
    return figures(
        inaturalist.config, inaturalist.checkpoint, work_dir, *inaturalist.small
    )


def test_inaturalist_reports_the_groups(inaturalist, inaturalist_figures):
    meta = read_checkpoint(inaturalist.checkpoint)['meta']

    assert meta['class_counts'] == list(COUNTS)
    assert meta['dataset_meta']['classes'][0] == 'Abies balsamea'
    assert set(GROUPS) <= set(inaturalist_figures)
    assert inaturalist_figures['accuracy/top1'] > 50


def test_groups_are_known_from_the_checkpoint_alone(
    inaturalist, inaturalist_figures, miniatures, tmp_path
):
    root = tmp_path / 'without_training_annotations'
    root.mkdir()
    shutil.copy(miniatures.inaturalist / 'val2018.json', root)
    (root / 'train_val2018').symlink_to(miniatures.inaturalist / 'train_val2018')

    found = figures(inaturalist.config, inaturalist.checkpoint, tmp_path / 'work',
                    *inaturalist.small,
                    f'test_dataloader.dataset.data_root={root}')  # fmt: skip

    assert found == inaturalist_figures


def test_inaturalist_lists_give_the_same_metrics_as_json(
    inaturalist, inaturalist_figures, miniatures, tmp_path
):
    names = [name for _, name in SPECIES]  # the lists have numbers only
    config = tmp_path / 'resnet50_inaturalist2018.py'  # options lose spaces
    config.write_text(
        f'_base_ = {str(inaturalist.config)!r}\n'
        f'test_dataloader = dict(dataset=dict(classes={names}))\n'
    )
    found = figures(
        config, inaturalist.checkpoint, tmp_path / 'work', *inaturalist.small,
        f'test_dataloader.dataset.data_root={miniatures.inaturalist_lists}',
    )  # fmt: skip

    assert found == inaturalist_figures


def test_inaturalist_is_rebalanced_with_a_warning(inaturalist, tmp_path):
    metrics = figures(inaturalist.config, inaturalist.checkpoint, tmp_path / 'work',
                      '--rebalance', '--tau', 'auto', *inaturalist.small)  # fmt: skip

    assert set(GROUPS) <= set(metrics)
    assert 'the validation set of this config IS its test set' in logs(
        tmp_path / 'work'
    )


@pytest.mark.parametrize(
    'name',
    ['gala/resnet32_cifar100-lt-if100', 'cross_entropy/resnet32_cifar10-lt-if10'],
)
def test_cifar(name, miniatures, tmp_path):
    small = changes_for(name, miniatures, **NARROW, train_cfg__max_epochs=2)
    train_dir, checkpoint = tmp_path / 'train', tmp_path / 'train' / 'epoch_2.pth'

    assert train(shipped(name), train_dir, *small) is None
    raw = figures(shipped(name), checkpoint, tmp_path / 'test', *small)
    rebalanced = figures(shipped(name), checkpoint, tmp_path / 'rebalanced',
                         '--rebalance', '--tau', 'auto', *small)  # fmt: skip

    factor = int(name.rpartition('-if')[2])
    counts = read_checkpoint(checkpoint)['meta']['class_counts']
    assert counts == [int(120 * factor ** (-c / 5) + 1e-9) for c in range(6)]
    assert set(GROUPS[:2]) <= set(raw)
    assert (GROUPS[2] in raw) == (counts[-1] < 20)
    assert set(rebalanced) == set(raw)
    # As tau is chosen on the test images, re-balancing cannot lower accuracy.
    assert rebalanced['accuracy/top1'] >= raw['accuracy/top1']
    assert 'IS its test set' in logs(tmp_path / 'rebalanced')
