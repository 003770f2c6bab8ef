"""Every config of detection builds; those of LVIS train and test on a miniature."""

import ast
import copy
import functools
import re
import uuid
from pathlib import Path

import pytest
import torch
from mmdet.models.losses import CrossEntropyLoss, FocalLoss
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner

from mmgala.detection import GALABBoxLoss, GALAObjectnessLoss
from tests.detection.miniature_lvis import NUM_CLASSES, SIZE, write_miniature_lvis

ROOT = Path(__file__).parents[2] / 'configs' / 'detection'
ALL = sorted(ROOT.glob('*.py'))
LVIS = [path for path in ALL if path.stem.endswith('lvis-v1')]
GALA = [path for path in ALL if 'gala' in path.stem]
MASK_METRICS = {'lvis/bbox_APr', 'lvis/segm_APr', 'lvis/bbox_AP', 'lvis/segm_AP'}
stem = '{0.stem}'.format


def one_of_each_model(paths):
    """A config of each model and loss; data and schedule of the four kinds in turn."""
    by_model = {}
    for path in paths:
        model, kind = re.split('_(?=random|sample1e-3)', path.stem)
        by_model.setdefault(model, {})[kind] = path
    chosen = []
    for number, kinds in enumerate(by_model.values()):
        chosen.append(list(kinds.values())[number % len(kinds)])
    return chosen


TRAINED = one_of_each_model(LVIS)


@functools.cache
def read(path):
    return Config.fromfile(path)


def load(path):
    return copy.deepcopy(read(path))


def twin_of(path):
    """The config that differs in the loss alone."""
    name = path.stem
    for word in ('_gala-normed', '_gala'):
        if word in name:
            kept = '_normed' if word == '_gala-normed' else ''
            return path.with_stem(name.replace(word, kept))
    raise AssertionError(path)


def heads_of(model):
    head = model.get('roi_head', model)['bbox_head']
    return head if isinstance(head, list) else [head]


def test_there_are_configs():
    names = {path.stem for path in ALL}
    for model in ('mask-rcnn', 'cascade-mask-rcnn'):
        for loss in ('', '_gala'):
            for sampling in ('random', 'sample1e-3'):
                for schedule in ('1x', '2x'):
                    name = f'{model}_r50_fpn{loss}_{sampling}-ms-{schedule}_lvis-v1'
                    assert name in names
    for name in (
        'faster-rcnn_r50_fpn{}_1x_coco',
        'retinanet_r50_fpn{}_sample1e-3-ms-1x_lvis-v1',
    ):
        assert {name.format(''), name.format('_gala')} <= names
    assert len(LVIS) == 20


@pytest.mark.parametrize('path', GALA, ids=stem)
def test_gala_differs_from_its_twin_in_the_loss_alone(path):
    ours, twin = load(path), load(twin_of(path))
    for config in (ours, twin):
        for name in ('loss', 'loss_cls', 'heads'):  # that a file works with
            config.pop(name, None)
        losses = [head.pop('loss_cls') for head in heads_of(config.model)]
        types = {loss['type'] for loss in losses}
        assert len(types) == 1
        expected = (
            {'mmgala.GALABBoxLoss', 'mmgala.GALAObjectnessLoss'}
            if config is ours
            else {'CrossEntropyLoss', 'FocalLoss'}
        )
        assert types <= expected
    assert ours.to_dict() == twin.to_dict()


SMALL = [path for path in ALL if 'tiny' not in path.stem or path in GALA]


@pytest.mark.parametrize('path', SMALL, ids=stem)
def test_a_file_says_no_more_than_what_differs(path):
    (base, *statements) = ast.parse(path.read_text()).body
    assert base.targets[0].id == '_base_'
    assert sum(1 + s.end_lineno - s.lineno for s in statements) <= 10


@pytest.mark.parametrize('path', ALL, ids=stem)
def test_its_scope_is_mmdetection(path):
    assert read(path).default_scope == 'mmdet'


def without_pretraining(cfg):
    cfg.model.backbone.init_cfg = None
    return cfg


@pytest.mark.parametrize('path', [p for p in ALL if p not in LVIS], ids=stem)
def test_it_builds(path):
    cfg = without_pretraining(load(path))
    init_default_scope('mmdet')
    model = MODELS.build(cfg.model)
    heads = model.roi_head if hasattr(model, 'roi_head') else model
    assert heads.bbox_head.num_classes == (80 if 'coco' in path.stem else 30)


@pytest.fixture(scope='module')
def lvis(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'lvis_v1'
    write_miniature_lvis(root)
    return root


def shrink(cfg, root, work_dir):
    """The config with the miniature's images, and few regions."""

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ('scale', 'scales'):
                    node[key] = (SIZE, SIZE) if key == 'scale' else [(SIZE, SIZE)]
                elif key in ('data_root', 'ann_file') and value:
                    node[key] = value.replace('data/lvis_v1/', f'{root}/')
                else:
                    walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader',
                 'val_evaluator', 'test_evaluator'):  # fmt: skip
        walk(cfg[name])
        if 'dataloader' in name:
            cfg[name].update(num_workers=0, persistent_workers=False)
    if 'roi_head' in cfg.model:  # masks of all classes take seconds a region
        cfg.model.test_cfg.rpn.update(max_per_img=2)
        cfg.model.test_cfg.rcnn.update(max_per_img=20)
        stages = cfg.model.train_cfg.rcnn
        for stage in stages if isinstance(stages, list) else [stages]:
            stage.sampler.num = 16
    else:
        cfg.model.test_cfg.update(nms_pre=8)
    cfg.train_cfg.update(max_epochs=1, val_interval=9)
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = uuid.uuid4().hex  # runners of one name share their logger
    cfg.visualizer = None
    cfg.default_hooks.checkpoint = None
    return cfg


@pytest.mark.parametrize('path', LVIS, ids=stem)
def test_every_part_of_a_config_is_one_that_is_trained_below(path):
    """Trained are its model and loss, and its data, schedule and evaluation."""
    trained = [read(other).to_dict() for other in TRAINED]
    for name, part in read(path).to_dict().items():
        assert any(part == other.get(name) for other in trained), name


@pytest.mark.slow
@pytest.mark.parametrize('path', TRAINED, ids=stem)
def test_a_training_step_and_a_test_with_all_classes_of_lvis(path, lvis, tmp_path):
    cfg = shrink(without_pretraining(load(path)), lvis, tmp_path)
    runner = Runner.from_cfg(cfg)
    before = {n: p.detach().clone() for n, p in runner.model.named_parameters()}
    runner.train()
    heads = runner.model.roi_head.bbox_head if 'roi_head' in cfg.model else (
        runner.model.bbox_head)  # fmt: skip
    for head in heads if isinstance(heads, torch.nn.ModuleList) else [heads]:
        assert head.num_classes == NUM_CLASSES
        if 'gala' in path.stem:
            assert isinstance(head.loss_cls, (GALABBoxLoss, GALAObjectnessLoss))
            seen = head.loss_cls.pos_grad.nonzero().flatten().tolist()
            assert seen
            assert set(seen) <= {0, 1, 400, 401, 800, 801}
        else:
            assert isinstance(head.loss_cls, (CrossEntropyLoss, FocalLoss))
    moved = [
        n for n, p in runner.model.named_parameters() if not torch.equal(p, before[n])
    ]
    assert any('fc_cls' in n or 'retina_cls' in n for n in moved)
    assert any('reg' in n for n in moved)
    metrics = runner.test()
    expected = {m for m in MASK_METRICS if 'retina' not in path.stem or 'bbox' in m}
    assert expected <= metrics.keys()
