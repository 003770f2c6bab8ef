"""Every shipped config loads and builds, and GALA changes nothing but the head."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample

from mmgala.models import GALAHead, GALALoss
from mmgala.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[2]
GALA = sorted((ROOT / 'configs' / 'gala').glob('*.py'))
ALL = sorted(p for p in (ROOT / 'configs').glob('*/*.py') if p.parent.name != '_base_')
FASHION = ROOT / 'data' / 'fashion_mnist'

name = '{0.parent.name}/{0.stem}'.format


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def build_model(cfg):
    preprocessor = cfg.get('data_preprocessor')
    model = MODELS.build(cfg.model)
    model.data_preprocessor = MODELS.build(
        dict(type='ClsDataPreprocessor', **preprocessor)
    )
    return model


def test_there_are_configs():
    assert len(GALA) >= 2
    assert {p.name for p in GALA} <= {p.name for p in ALL if p.parent.name != 'gala'}


@pytest.mark.parametrize('path', ALL, ids=name)
def test_one_training_step_and_one_prediction(path):
    cfg = Config.fromfile(path)
    model = build_model(cfg)
    channels = cfg.model.backbone.get('in_channels', 3)
    size = 28 if 'fashion' in path.name else 8
    images = torch.randint(0, 256, (4, channels, size, size), dtype=torch.uint8)
    samples = [DataSample().set_gt_label(label) for label in (0, 1, 2, 9)]
    data = dict(inputs=list(images), data_samples=samples)

    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    losses['loss'].backward()
    predicted = model.eval().val_step(data)

    assert torch.isfinite(losses['loss'])
    for parameter in model.parameters():
        assert parameter.grad is not None
    assert [len(p.pred_score) for p in predicted] == [10] * 4
    assert [float(p.pred_score.sum()) for p in predicted] == pytest.approx([1] * 4)


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_builds_the_gala_head_and_loss(path):
    model = build_model(Config.fromfile(path))

    assert type(model.head) is GALAHead
    assert type(model.head.loss_module) is GALALoss
    assert model.head.loss_module.variant == 'paper'
    assert model.head.rebalancer is None


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_differs_from_cross_entropy_in_the_head_only(path):
    gala = Config.fromfile(path).to_dict()
    other = Config.fromfile(ROOT / 'configs' / 'cross_entropy' / path.name).to_dict()
    heads = [copy.deepcopy(cfg['model'].pop('head')) for cfg in (gala, other)]

    assert gala == other
    assert heads[0] == {
        **heads[1], 'type': 'mmgala.GALAHead', 'loss': {'type': 'mmgala.GALALoss'}
    }  # fmt: skip
    assert heads[1]['type'] == 'LinearClsHead'


@pytest.mark.parametrize('path', ALL, ids=name)
def test_classes_agree_and_the_hook_counts_them(path):
    cfg = Config.fromfile(path)

    assert cfg.default_scope == 'mmpretrain'
    assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes
    assert [hook.type for hook in cfg.custom_hooks] == ['mmgala.ClassCountsHook']
    assert cfg.train_dataloader.dataset.type == 'mmgala.LongTailedDataset'


def build_data(cfg):
    return {
        split: DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        for split in ('train', 'val', 'test')
    }


@pytest.mark.parametrize('path', [p for p in GALA if 'digits' in p.name], ids=name)
def test_digits_are_long_tailed_for_training_and_balanced_for_tests(path):
    data = build_data(Config.fromfile(path))

    # 103 * 50 ** (-c / 9), rounded down, by hand; the comment in the config says so.
    counts = [103, 66, 43, 27, 18, 11, 7, 4, 3, 2]
    assert data['train'].metainfo['class_counts'] == counts
    assert np.bincount(data['val'].get_gt_labels()).tolist() == [25] * 10
    assert np.bincount(data['test'].get_gt_labels()).tolist() == [50] * 10


@pytest.mark.filterwarnings('ignore:__array__ implementation')  # of MMPretrain
@pytest.mark.skipif(not FASHION.is_dir(), reason=f'{FASHION} is not unpacked')
@pytest.mark.parametrize('path', [p for p in GALA if 'fashion' in p.name], ids=name)
def test_fashion_mnist_is_long_tailed_and_its_validation_set_is_held_out(
    monkeypatch, path
):
    monkeypatch.chdir(ROOT)
    data = build_data(Config.fromfile(path))
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


@pytest.mark.parametrize(
    ('dataset', 'epochs', 'batch'), [('digits', 40, 32), ('fashion-mnist', 15, 64)]
)
def test_schedule_spans_the_training_and_knows_its_batch_size(dataset, epochs, batch):
    cfg = Config.fromfile(ROOT / 'configs' / 'gala' / f'resnet14_{dataset}-lt.py')

    assert cfg.train_cfg.max_epochs == cfg.param_scheduler.T_max == epochs
    assert cfg.train_dataloader.batch_size == batch == cfg.auto_scale_lr.base_batch_size
