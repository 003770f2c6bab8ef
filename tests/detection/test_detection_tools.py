"""tools/train.py and tools/test.py with configs of MMDetection's scope."""

import json
import pickle
import re
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint
from tests.detection.gradient_training import cascade, data_set, write_coco
from tests.tools.command_line import assert_one_line, call, run

pytestmark = pytest.mark.slow

CONFIG = """
_base_ = '{root}/configs/detection/_base_/default_runtime.py'

model = {model}
dataset = {dataset}
train_dataloader = dict(
    batch_size=4, num_workers=0, dataset=dataset,
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1, num_workers=0, dataset=dict(dataset, test_mode=True),
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=dataset['ann_file'])
test_evaluator = val_evaluator
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02))
"""


@pytest.fixture(scope='module')
def trained(tmp_path_factory, repository):
    """A detector after two epochs by tools/train.py."""
    folder = tmp_path_factory.mktemp('detection')
    counts = write_coco(folder)
    model = cascade(type='mmgala.GALABBoxLoss')
    model.test_cfg.rpn.update(nms_pre=20, max_per_img=10)
    model.test_cfg.rcnn.update(score_thr=0.0, max_per_img=5)
    dataset = data_set(folder)
    dataset['pipeline'][-1]['meta_keys'] = (
        'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor',
    )  # fmt: skip
    config = folder / 'small.py'
    config.write_text(
        CONFIG.format(root=repository, model=model.to_dict(), dataset=dataset)
    )
    assert call('train', config, '--work-dir', 'work', cwd=folder) is None
    return SimpleNamespace(
        folder=folder,
        counts=counts,
        config=config,
        checkpoint=folder / 'work' / 'epoch_2.pth',
    )


def test_training_keeps_statistics_and_counts(trained):
    checkpoint = read_checkpoint(trained.checkpoint)
    assert checkpoint['meta']['class_counts'] == trained.counts.tolist()
    sums = [
        checkpoint['state_dict'][f'roi_head.bbox_head.{i}.loss_cls.pos_grad']
        for i in range(3)
    ]
    assert all((s[:3] > 0).all() and s[3] == 0 for s in sums)


def test_it_adds_the_reduction_to_a_config_of_ones_own(trained, tmp_path):
    config = tmp_path / 'own.py'
    text = trained.config.read_text().splitlines()
    base = "_base_ = 'mmdet::_base_/default_runtime.py'"
    config.write_text('\n'.join([base, *text[2:]]))
    options = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=9']
    end = call('train', config, '--work-dir', 'w', '--cfg-options', *options,
               cwd=tmp_path)  # fmt: skip
    assert end is None
    (log,) = (tmp_path / 'w').glob('2*/2*.log')
    assert log.read_text().count('(ABOVE_NORMAL) ReduceStatisticsHook') == 3
    shipped = next((trained.folder / 'work').glob('2*/2*.log')).read_text()
    assert shipped.count('(ABOVE_NORMAL) ReduceStatisticsHook') == 3  # not twice each


@pytest.mark.parametrize('flags', [[], ['--tta']], ids=['plain', 'tta'])
def test_predictions_metrics_and_pictures(trained, tmp_path, flags):
    arguments = ['--out', 'p.pkl', '--show-dir', 'shown', *flags]
    end = call('test', trained.config, trained.checkpoint, '--work-dir', 'work',
               *arguments, cwd=tmp_path)  # fmt: skip
    assert end is None
    predictions = pickle.loads((tmp_path / 'p.pkl').read_bytes())
    assert len(predictions) == 8
    for prediction in predictions:
        scores = prediction['pred_instances']['scores']
        assert len(scores) > 0
        assert ((scores >= 0) & (scores <= 1)).all()
    (metrics,) = (tmp_path / 'work').glob('2*/2*.json')
    assert 'coco/bbox_mAP' in json.loads(metrics.read_text())
    pictures = sorted(tmp_path.glob('shown/*'))
    assert len(pictures) == 8
    assert cv2.imread(str(pictures[0])).shape[2] == 3


def test_metrics_to_a_file(trained, tmp_path):
    end = call('test', trained.config, trained.checkpoint, '--out', 'm.json',
               cwd=tmp_path)  # fmt: skip
    assert end is None
    found = json.loads((tmp_path / 'm.json').read_text())
    assert 0 <= found['coco/bbox_mAP'] <= 1


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (['--rebalance'], '--rebalance is for classification'),
        (['--show-dir', 's', '--interval', '4'], '--interval is for classification'),
        (['--out', 'p.npz'], r'--out of detections takes a .pkl file'),
    ],
)
def test_what_is_for_classification_is_refused(trained, tmp_path, flags, message):
    end = call('test', trained.config, trained.checkpoint, *flags, cwd=tmp_path)
    assert_one_line(end, message)


def test_heads_of_other_classes_than_the_data_end_in_one_line(trained, tmp_path):
    config = tmp_path / 'changed.py'
    text = trained.config.read_text()
    config.write_text(text.replace("'num_classes': 4", "'num_classes': 5"))
    end = call('train', config, '--work-dir', 'w', cwd=tmp_path)
    assert_one_line(end, r'num_classes is 5, .* 4 classes .*num_classes=4')


def test_loss_and_head_of_different_classes_end_in_one_line(trained, tmp_path):
    config = tmp_path / 'changed.py'
    text = trained.config.read_text()
    loss = re.search(r"'loss_cls': \{[^}]*GALABBoxLoss[^}]*\}", text)[0]
    config.write_text(text.replace(loss, loss.replace(': 4', ': 5')))
    end = call('train', config, '--work-dir', 'w', cwd=tmp_path)
    assert_one_line(end, 'head has num_classes=4, but its loss_cls .*num_classes=5')


def test_a_layer_of_one_form_does_not_fit_the_other(trained, tmp_path):
    config = tmp_path / 'changed.py'
    config.write_text(
        trained.config.read_text().replace(
            "'mmgala.GALABBoxLoss'",
            "'mmgala.GALABBoxLoss', 'background': 'exclude'",
        )
    )
    end = call('test', config, trained.checkpoint, cwd=tmp_path)
    assert_one_line(end, r'fc_cls.weight is \(6, 16\) in the checkpoint and \(5, 16\)')


def test_over_two_processes(trained, tmp_path):
    options = ['--cfg-options', 'train_cfg.max_epochs=1']
    run('dist_train.sh', trained.config, 2, '--work-dir', 'work', *options,
        cwd=tmp_path)  # fmt: skip
    checkpoint = tmp_path / 'work' / 'epoch_1.pth'
    theta = read_checkpoint(checkpoint)['state_dict'][
        'roi_head.bbox_head.0.loss_cls.pos_grad'
    ]
    assert np.isfinite(theta.numpy()).all()
    assert (theta[:3] > 0).all()


def test_without_mmdetection_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    for name in [*sys.modules]:
        if name.split('.')[0] == 'mmdet' or name.startswith('mmgala.detection'):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'mmdet', None)
    monkeypatch.delitem(MODELS.module_dict, 'GALABBoxLoss', raising=False)
    config = tmp_path / 'config.py'
    config.write_text("model = dict(type='mmgala.GALABBoxLoss', num_classes=4)\n")
    end = call('train', config, cwd=tmp_path)
    assert_one_line(end, 'GALABBoxLoss .*needs MMDetection .*make install-detect')
