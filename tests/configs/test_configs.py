"""Every shipped config loads and builds, and GALA changes nothing but the head."""

import copy
import functools
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain.structures import DataSample

from mmgala import models
from mmgala.apis.stages import plan_stages
from mmgala.datasets import ArrayDataset
from mmgala.functional import shot_groups
from mmgala.models import GALAHead, GALALoss
from mmgala.registry import DATASETS, MODELS
from tests.configs.recipe_table import NUM_CLASSES
from tests.miniature_plankton import write_plankton

ROOT = Path(__file__).parents[2]
SHARDED = ROOT / 'configs' / 'gala' / 'resnet14_digits-lt_sharded.py'
GALA = sorted({*(ROOT / 'configs' / 'gala').glob('*.py')} - {SHARDED})
EQL = sorted((ROOT / 'configs' / 'eql').glob('*.py'))
OTHERS = ('_base_', 'detection')
ALL = sorted(
    p
    for p in (ROOT / 'configs').glob('*/*.py')
    if p.parent.name not in OTHERS and p != SHARDED
)
BASELINES = [p for p in ALL if p.parent.name not in ('gala', 'cross_entropy')]
DECOUPLED = [path for path in GALA if path.stem in NUM_CLASSES]
CIFAR = [path for path in GALA if 'cifar1' in path.stem]
FASHION = ROOT / 'data' / 'fashion_mnist'
FASHION_CONFIGS = [path for path in GALA if 'fashion-mnist' in path.stem]

name = '{0.parent.name}/{0.stem}'.format


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@functools.cache
def read(path):
    return Config.fromfile(path)


def load(path):
    """A config that may be changed; to read one takes half a second."""
    return copy.deepcopy(read(path))


def build_model(cfg):
    preprocessor = cfg.get('data_preprocessor')
    model = MODELS.build(cfg.model)
    model.data_preprocessor = MODELS.build(
        dict(type='ClsDataPreprocessor', **preprocessor)
    )
    return model


def num_classes_of(path):
    """What a config's name says."""
    if 'plankton' in path.stem:
        return 121
    hundred = 'cifar100' in path.stem or 'pairs' in path.stem
    return NUM_CLASSES.get(path.stem, 100 if hundred else 10)


def input_size_of(path):
    """Rows and columns."""
    if path.stem in NUM_CLASSES:
        return 64, 64  # 224, but for the time it takes
    if 'plankton' in path.stem:
        return 64, 64
    if 'digits' in path.stem:
        return 8, 8
    if 'pairs' in path.stem:
        return 28, 56
    return (32, 32) if path.stem.startswith('resnet32') else (28, 28)


def test_there_are_configs():
    factors = (10, 50, 100, 200)
    assert {path.stem for path in GALA} == {
        *(f'resnet32_cifar{c}-lt-if{f}' for c in (10, 100) for f in factors),
        *NUM_CLASSES,
        'resnet32_fashion-mnist-lt_15e',
        'resnet14_fashion-mnist-lt',
        'resnet14_digits-lt',
        'plain-conv-net_fashion-mnist-lt',
        'plain-conv-net_fashion-pairs-lt',
        'resnet18_plankton',
    }
    assert {p.name for p in GALA} == {p.name for p in ALL if p.parent.name != 'gala'}


def test_classes_over_ranks_change_only_what_they_need():
    plain = load(SHARDED.with_name('resnet14_digits-lt.py'))
    plain.model.head.shard_classes = True
    plain.model_wrapper_cfg = dict(type='mmgala.ClassShardsDataParallel')
    plain.custom_hooks.append(dict(type='mmgala.ClassShardsHook'))

    assert read(SHARDED).to_dict() == plain.to_dict()


def test_every_loss_has_configs_in_a_folder_of_its_own():
    found = {(p.parent.name, read(p).model.head.loss.type) for p in BASELINES}
    losses = [loss for _, loss in found]
    registered = {
        f'mmgala.{key}'
        for key, kind in MODELS.module_dict.items()
        if key in vars(models) and key.endswith('Loss') and kind is not GALALoss
    }
    assert len(found) == len(set(losses)) == len({folder for folder, _ in found})
    assert set(losses) == registered


@pytest.mark.parametrize('path', ALL, ids=name)
def test_one_training_step_and_one_prediction(path):
    cfg = load(path)
    model = build_model(cfg)
    channels, size = cfg.model.backbone.get('in_channels', 3), input_size_of(path)
    num_classes = num_classes_of(path)
    images = torch.randint(0, 256, (4, channels, *size), dtype=torch.uint8)
    labels = (0, 1, 2, num_classes - 1)
    samples = [DataSample().set_gt_label(label) for label in labels]
    data = dict(inputs=list(images), data_samples=samples)
    if hasattr(model.head.loss_module, 'set_class_counts'):  # as ClassCountsHook does
        model.head.loss_module.set_class_counts(range(num_classes))

    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    losses['loss'].backward()
    predicted = model.eval().val_step(data)

    assert torch.isfinite(losses['loss'])
    for parameter in model.parameters():
        assert (parameter.grad is not None) == parameter.requires_grad
    assert model.head.fc.weight.grad.abs().sum() > 0
    assert [len(p.pred_score) for p in predicted] == [num_classes] * 4
    assert [float(p.pred_score.sum()) for p in predicted] == pytest.approx([1] * 4)


@pytest.mark.parametrize('path', CIFAR[:1], ids=name)
def test_resnet32_has_a_published_number_of_parameters(path):
    backbone = MODELS.build(load(path).model.backbone)

    assert sum(p.numel() for p in backbone.parameters()) == pytest.approx(
        0.46e6, rel=0.02
    )


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_builds_the_gala_head_and_loss(path):
    head = MODELS.build(load(path).model.head)

    assert type(head) is GALAHead
    assert type(head.loss_module) is GALALoss
    assert head.loss_module.variant == 'paper'
    assert head.loss_module.lambda_pos == head.loss_module.lambda_neg == 1.0
    assert head.post_hoc is None


@pytest.mark.parametrize('path', GALA, ids=name)
def test_gala_config_differs_from_cross_entropy_in_the_head_only(path):
    gala = load(path).to_dict()
    other = load(ROOT / 'configs' / 'cross_entropy' / path.name).to_dict()
    heads = [copy.deepcopy(cfg['model'].pop('head')) for cfg in (gala, other)]

    assert gala == other
    assert heads[0] == {
        **heads[1], 'type': 'mmgala.GALAHead', 'loss': {'type': 'mmgala.GALALoss'}
    }  # fmt: skip
    assert heads[1]['type'] == 'LinearClsHead'


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_baseline_differs_from_cross_entropy_in_head_and_hook_only(path):
    baseline = load(path).to_dict()
    other = load(ROOT / 'configs' / 'cross_entropy' / path.name).to_dict()
    loss = MODELS.get(baseline['model']['head']['loss']['type'])
    focal = hasattr(loss, 'initial_bias')
    if focal:  # what that does is tested where it is built
        assert list(baseline['optim_wrapper'].pop('paramwise_cfg')) == ['custom_keys']
    heads = [cfg['model'].pop('head') for cfg in (baseline, other)]
    losses = [head.pop('loss') for head in heads]
    hooks = [cfg.pop('custom_hooks') for cfg in (baseline, other)]

    assert baseline == other
    assert losses[1] == {'type': 'CrossEntropyLoss'}
    cosine = 'scale' in inspect.signature(loss).parameters
    kind = 'mmgala.CosineClsHead' if cosine else 'LinearClsHead'
    assert heads[0].pop('type') == ('mmgala.GALAHead' if focal else kind)
    for head in heads if cosine else ():
        head.pop('init_cfg', None)
    heads[1].pop('type')
    assert heads[0] == heads[1]
    added = ['mmgala.DeferredReweightingHook'] * (path.parent.name == 'ldam_drw')
    assert [hook['type'] for hook in hooks[0][len(hooks[1]) :]] == added


@pytest.mark.parametrize('path', BASELINES, ids=name)
def test_cosine_heads_and_their_losses_have_one_scale(path):
    head = MODELS.build(load(path).model.head)

    scale = getattr(head.loss_module, 'scale', None)
    assert scale == getattr(head.fc, 'scale', None)


@pytest.mark.parametrize('path', [p for p in EQL if 'cifar' not in p.stem], ids=name)
def test_eql_config_makes_the_last_classes_tail_as_its_comment_says(path):
    loss_module = MODELS.build(load(path).model.head).loss_module
    digits = 'digits' in path.stem
    largest, factor = (103, 50) if digits else (4977, 100)
    loss_module.set_class_counts([int(largest * factor ** (-c / 9)) for c in range(10)])

    tail = loss_module.class_counts[loss_module.tail].tolist()
    assert tail == ([7, 4, 3, 2] if digits else [138, 83, 49])
    assert loss_module.ignore_prob == 0.9


@pytest.mark.parametrize('path', DECOUPLED, ids=name)
def test_stage_1_is_cross_entropy_and_the_same_for_both_twins(path, tmp_path):
    stages = []
    for folder in ('gala', 'cross_entropy'):
        cfg = load(ROOT / 'configs' / folder / path.name)
        cfg.work_dir = str(tmp_path)
        stages.append([stage.cfg for stage in plan_stages(cfg)])

    (gala, _), (other, _) = stages
    assert gala.to_dict() == other.to_dict()
    head = MODELS.build(gala.model.head)
    assert type(head).__name__ == 'LinearClsHead'
    assert type(head.loss_module).__name__ == 'CrossEntropyLoss'


@pytest.mark.parametrize('path', ALL, ids=name)
def test_classes_agree_and_the_hook_counts_them(path):
    cfg = load(path)

    assert cfg.default_scope == 'mmpretrain'
    assert cfg.model.head.num_classes == num_classes_of(path)
    # Mixup and label smoothing make soft labels of it.
    assert cfg.data_preprocessor.num_classes == num_classes_of(path)
    hooks = ['mmgala.ClassCountsHook']
    if path.stem in NUM_CLASSES:
        assert [hook.type for hook in cfg.stage1.custom_hooks] == hooks
        hooks.append('mmgala.LoadBackboneHook')
    else:
        if path.parent.name == 'ldam_drw':
            hooks.append('mmgala.DeferredReweightingHook')
        natural = 'plankton' in path.stem  # long-tailed as it is
        kind = 'PlanktonSet' if natural else 'LongTailedDataset'
        assert cfg.train_dataloader.dataset.type == f'mmgala.{kind}'
        assert 'stage1' not in cfg
    assert [hook.type for hook in cfg.custom_hooks] == hooks


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
