"""The data of the shipped configs: class counts, held-out images, pipelines."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmgala.datasets import ArrayDataset
from mmgala.functional import shot_groups
from mmgala.registry import DATASETS
from tests.configs.shipped import (
    CIFAR,
    FASHION,
    FASHION_CONFIGS,
    GALA,
    ROOT,
    load,
    name,
    num_classes_of,
)
from tests.miniature_plankton import write_plankton


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


# Images, largest and smallest class, many-, medium- and few-shot classes, as published.
CIFAR_LT = {
    'cifar100-lt-if200': (9502, 500, 2, (30, 31, 39)),
    'cifar100-lt-if100': (10847, 500, 5, (35, 35, 30)),
    'cifar10-lt-if100': (12406, 5000, 50, (8, 2, 0)),
}


@pytest.mark.parametrize('path', CIFAR, ids=name)
def test_cifar_becomes_as_long_tailed_as_the_name_says(path, monkeypatch):
    num_classes = num_classes_of(path)
    images = [dict(index=i, gt_label=i % num_classes) for i in range(50_000)]
    monkeypatch.setattr(ArrayDataset, 'load_data_list', lambda self: list(images))

    data = DATASETS.build(load(path).train_dataloader.dataset)

    counts = data.metainfo['class_counts']
    data_name, _, factor = path.stem.removeprefix('resnet32_').rpartition('-if')
    largest = 50_000 // num_classes
    assert counts[0] == largest
    assert counts[-1] == int(largest / int(factor) + 1e-9)
    assert counts == sorted(counts, reverse=True)
    published = CIFAR_LT.get(f'{data_name}-if{factor}')
    if published:
        groups = tuple(len(group) for group in shot_groups(counts))
        assert (sum(counts), max(counts), min(counts), groups) == published


def build_data(cfg):
    return {
        split: DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        for split in ('train', 'val', 'test')
    }


@pytest.mark.parametrize('path', [p for p in GALA if 'digits' in p.name], ids=name)
def test_digits_are_long_tailed_for_training_and_balanced_for_tests(path):
    data = build_data(load(path))

    # 103 * 50 ** (-c / 9), rounded down, by hand; the comment in the config says so.
    counts = [103, 66, 43, 27, 18, 11, 7, 4, 3, 2]
    assert data['train'].metainfo['class_counts'] == counts
    assert np.bincount(data['val'].get_gt_labels()).tolist() == [25] * 10
    assert np.bincount(data['test'].get_gt_labels()).tolist() == [50] * 10


@pytest.mark.filterwarnings('ignore:__array__ implementation')  # of MMPretrain
@pytest.mark.skipif(not FASHION.is_dir(), reason=f'{FASHION} is not unpacked')
@pytest.mark.parametrize('path', FASHION_CONFIGS[:1], ids=name)
def test_fashion_mnist_is_long_tailed_and_its_validation_set_is_held_out(
    monkeypatch, path
):
    monkeypatch.chdir(ROOT)
    data = build_data(load(path))
    labels = {
        part: np.frombuffer(
            (FASHION / f'{part}-labels-idx1-ubyte').read_bytes()[8:], 'B'
        )
        for part in ('train', 't10k')
    }

    counts = data['train'].metainfo['class_counts']
    assert counts == [int(counts[0] * 100 ** (-c / 9)) for c in range(10)]
    assert np.bincount(data['train'].get_gt_labels()).tolist() == counts
    available = data['train'].dataset.get_gt_labels()
    np.testing.assert_array_equal(available, labels['train'][:50000])
    np.testing.assert_array_equal(data['val'].get_gt_labels(), labels['train'][50000:])
    np.testing.assert_array_equal(data['test'].get_gt_labels(), labels['t10k'])


def test_fashion_mnist_configs_differ_in_the_pipelines_only():
    """So what holds for the data of one holds for the other's."""
    configs = list(map(load, FASHION_CONFIGS))
    assert len(configs) == 3
    for split in ('train', 'val', 'test'):
        datasets = [c[f'{split}_dataloader'].dataset for c in configs]
        for dataset in datasets:
            dataset.get('dataset', dataset).pop('pipeline')
        assert all(d.to_dict() == datasets[0].to_dict() for d in datasets)


@pytest.mark.parametrize(
    ('config', 'epochs', 'batch'),
    [
        ('resnet14_digits-lt', 40, 32),
        ('resnet14_fashion-mnist-lt', 15, 64),
        ('plain-conv-net_fashion-mnist-lt', 15, 64),
        ('plain-conv-net_fashion-pairs-lt', 20, 64),
        ('resnet18_plankton', 20, 64),
    ],
)
def test_schedule_spans_the_training_and_knows_its_batch_size(config, epochs, batch):
    cfg = load(ROOT / 'configs' / 'gala' / f'{config}.py')

    assert cfg.train_cfg.max_epochs == cfg.param_scheduler.T_max == epochs
    assert cfg.train_dataloader.batch_size == batch == cfg.auto_scale_lr.base_batch_size


def test_plankton_is_read_as_prepared(tmp_path):
    cfg = load(ROOT / 'configs' / 'gala' / 'resnet18_plankton.py')
    root = write_plankton(tmp_path / 'plankton')
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].dataset.data_root = str(root)

    data = build_data(cfg)

    # 15 and 25 percent of 25, 16, 6 and 3, at least one; the rest is for training.
    assert np.bincount(data['train'].get_gt_labels()).tolist() == [15, 10, 3, 1]
    assert np.bincount(data['val'].get_gt_labels()).tolist() == [4, 2, 1, 1]
    assert np.bincount(data['test'].get_gt_labels()).tolist() == [6, 4, 2, 1]
    for part in data.values():
        assert part.metainfo['class_counts'] == [15, 10, 3, 1]
        assert part[0]['inputs'].shape == (1, 64, 64)


def test_plankton_is_turned_and_mirrored_on_white():
    """All eight turns and reflections come, and what is uncovered is background."""
    cfg = load(ROOT / 'configs' / 'gala' / 'resnet18_plankton.py')
    pipeline = Compose(cfg.train_dataloader.dataset.pipeline)
    image = np.full((64, 64), 255, dtype=np.uint8)
    image[20:26, 20:40], image[26:34, 20:24] = 0, 90  # an L, unlike its reflections
    figure = [np.rot90(side, turns) for side in (image, image[:, ::-1])
              for turns in range(4)]  # fmt: skip

    def cut(picture):
        rows, columns = np.nonzero(picture < 255)
        return picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]

    found, corners = set(), set()
    for _ in range(200):
        out = pipeline(dict(img=image.copy(), gt_label=0))['inputs'].numpy()
        assert out.shape == (1, 64, 64)
        found.add(cut(out[0]).tobytes())
        corners.add(tuple(np.argwhere(out[0] < 255).min(axis=0)))
    assert found == {cut(each).tobytes() for each in figure}
    assert len(corners) > 20  # and the place varies
