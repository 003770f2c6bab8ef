"""Fit to the training images: whose scores they are, and which trainings count."""

import json

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.testing import assert_close

from mmgala.datasets import DigitsDataset, LongTailedDataset
from mmgala.registry import MODELS
from projects.gala_study.training_fit import trained, training_scores
from tests.tools.command_line import ROOT


def test_scores_are_those_of_the_training_images_without_augmentation(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/gala/resnet14_digits-lt.py')
    flip = dict(type='RandomFlip', prob=1.0)
    cfg.train_dataloader.dataset.dataset.pipeline = [flip, dict(type='PackInputs')]
    cfg.dump(tmp_path / 'config.py')
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    images = DigitsDataset('train')
    factor = cfg.train_dataloader.dataset.imbalance_factor
    subset = LongTailedDataset(images, factor, seed=cfg.train_dataloader.dataset.seed)
    counts = subset.metainfo['class_counts']
    meta = dict(dataset_meta=dict(classes=subset.CLASSES, class_counts=counts))
    weights = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=meta), weights)

    scores, labels, found = training_scores(tmp_path / 'config.py', weights)

    pixels = torch.stack([torch.from_numpy(subset[i]['img']) for i in range(40)])
    pixels = pixels.permute(0, 3, 1, 2).float()
    mean, std = cfg.data_preprocessor.mean, cfg.data_preprocessor.std
    with torch.no_grad():
        logits = model.head(model.extract_feat((pixels - mean[0]) / std[0]))
    assert found.tolist() == counts
    assert labels.tolist() == subset.get_gt_labels().tolist()
    assert_close(scores[:40], logits.softmax(dim=1), rtol=1e-4, atol=1e-5)


def test_trainings_that_have_not_ended_are_left_out(tmp_path, capsys):
    for method, status in (
        ('balanced-softmax', 'running'),
        ('gala-margin', 'finished'),
    ):
        folder = tmp_path / 'compare' / 'label-margin_digits-lt' / method / 'seed0'
        folder.mkdir(parents=True)
        state = dict(status=status, files=['epoch_40.pth', 'test.npz'])
        (folder / 'run.json').write_text(json.dumps(state))

    runs = [run for run in trained(tmp_path) if run[0] != 'CIFAR100-LT']

    assert runs == [
        ('Digits-LT', 'gala-margin', folder / 'config.py', folder / 'epoch_40.pth')
    ]
    assert 'Digits-LT, balanced-softmax: no finished run' in capsys.readouterr().err
