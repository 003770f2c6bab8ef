"""Files of GradientStatisticsHook against sums computed from logged logits."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpretrain.models.losses import CrossEntropyLoss

from mmgala.analysis import read_gradient_run, record_paths, summarise_gradients
from mmgala.engine import GradientStatisticsHook
from mmgala.functional import ShotThresholds
from mmgala.models import GALALoss
from tests.engine import gradient_training
from tests.engine.gradient_training import (
    COUNTS,
    Classifier,
    ScaledOptimWrapper,
    assert_epochs_match,
    assert_sums,
    expected_sums,
    merged,
    observed,
    text_of_log,
)
from tests.engine.index_training import NumberedSamples, train, weights
from tests.engine.small_training import small_config


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def test_sums_of_each_epoch_and_of_the_whole_training(tmp_path):
    _, log = observed(tmp_path)
    assert len(log.epochs) == 3
    assert_epochs_match(tmp_path, log.epochs)
    record = read_gradient_run(tmp_path)[-1]
    assert record.class_names == ('a', 'b', 'c', 'd')
    assert record.class_counts.tolist() == list(COUNTS)
    assert record.thresholds == ShotThresholds(10, 3)


@pytest.mark.parametrize(
    ('loss_weight', 'shrink'), [(3.0, 1.0), (1.0, 0.5), (0.1, 4.0)]
)
def test_loss_weight_and_avg_factor_do_not_count(tmp_path, loss_weight, shrink):
    model = Classifier(CrossEntropyLoss(loss_weight=loss_weight), shrink=shrink)
    _, log = observed(tmp_path, model=model)
    assert_epochs_match(tmp_path, log.epochs)


def test_loss_scaling_does_not_count(tmp_path):
    model = Classifier()
    _, log = observed(
        tmp_path, model=model, optim_wrapper=ScaledOptimWrapper(optimizer=sgd(model))
    )
    assert_epochs_match(tmp_path, log.epochs)


def test_gradient_accumulation_does_not_count(tmp_path):
    model = Classifier()
    wrapper = OptimWrapper(optimizer=sgd(model), accumulative_counts=4)
    _, log = observed(tmp_path, model=model, optim_wrapper=wrapper)
    # 18 steps: the last two are divided by 2 instead of 4.
    assert sum(map(len, log.epochs.values())) % 4 != 0
    assert_epochs_match(tmp_path, log.epochs)


def test_a_frozen_backbone(tmp_path):
    _, log = observed(tmp_path, model=Classifier(frozen_features=True))
    assert_epochs_match(tmp_path, log.epochs)


class Nothing(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {'batches': len(results)}


def test_validation_in_between_does_not_count(tmp_path):
    loader = dict(
        batch_size=4,
        num_workers=0,
        dataset=NumberedSamples(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )
    _, log = observed(
        tmp_path,
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=[Nothing()],
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=1),
    )
    assert text_of_log(tmp_path).count('Epoch(val)') >= 3
    assert_epochs_match(tmp_path, log.epochs)


def test_sums_equal_the_statistics_of_gala(tmp_path):
    model = Classifier(GALALoss(4))
    observed(tmp_path, model=model)
    total = read_gradient_run(tmp_path)[-1].total
    np.testing.assert_allclose(total.pos_grad, model.loss_module.pos_grad, rtol=1e-4)
    np.testing.assert_allclose(total.given_grad, model.loss_module.neg_grad, rtol=1e-4)


def test_mixup_in_a_config_of_mmpretrain(tmp_path):
    cfg = small_config(
        tmp_path,
        model__head__type='LinearClsHead',
        model__head__loss=dict(_delete_=True, type='CrossEntropyLoss', use_soft=True),
        model__train_cfg=dict(augments=dict(type='Mixup', alpha=0.7)),
    )
    log = gradient_training.Log()
    cfg.custom_hooks = [dict(type='mmgala.GradientStatisticsHook', matrix=True)]
    runner = Runner.from_cfg(cfg)
    runner.register_custom_hooks([log])
    runner.train()
    ((logits, target), *_) = log.epochs[1]
    assert target.shape == logits.shape
    assert ((target > 0) & (target < 1)).any()
    logits, target = (
        torch.cat(part).double() for part in zip(*log.epochs[1], strict=True)
    )
    grad = logits.softmax(dim=1) - target
    (record,) = read_gradient_run(tmp_path)
    np.testing.assert_allclose(
        record.period.pos_grad, (-grad).clamp(min=0).sum(dim=0), rtol=1e-4
    )
    np.testing.assert_allclose(
        record.period.given_grad,
        (target * grad.clamp(min=0).sum(dim=1, keepdim=True)).sum(dim=0),
        rtol=1e-4,
    )
    np.testing.assert_allclose(record.period.samples, target.sum(dim=0), rtol=1e-5)


@pytest.mark.parametrize('world_size', [2, 3])
def test_ranks_are_summed(tmp_path, rank_pool, world_size):
    ranks = rank_pool.run(
        gradient_training.observe_on_rank, world_size, work_dir=str(tmp_path)
    )
    assert_epochs_match(tmp_path, merged(ranks))


def test_iterations_default_to_the_validation_interval(tmp_path):
    observed(tmp_path, train_cfg=dict(by_epoch=False, max_iters=6, val_interval=3))
    assert [path.name for path in record_paths(tmp_path)] == [
        'iter_3.npz',
        'iter_6.npz',
    ]


def test_the_training_is_the_same_to_the_last_bit(tmp_path):
    with_hook, _ = observed(tmp_path / 'with')
    without, _ = train(tmp_path / 'without', model=Classifier())
    assert weights(with_hook) == weights(without)
    assert not with_hook.model.loss_module._forward_hooks  # nothing is left behind


def test_files_of_an_earlier_training_are_moved_away(tmp_path):
    _, first = observed(tmp_path, train_cfg=dict(by_epoch=True, max_epochs=4))
    _, second = observed(tmp_path)
    assert_epochs_match(tmp_path, second.epochs)
    (aside,) = tmp_path.glob('gradient_statistics_before_*')
    assert len(list(aside.glob('epoch_*.npz'))) == 4


def local_visualizer():
    # The runner writes into its config.
    return dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])


def test_scalars_reach_the_visualizer(tmp_path):
    observed(
        tmp_path,
        visualizer=local_visualizer(),
    )
    (path,) = tmp_path.rglob('scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if 'gradients/log_ratio_spread' in line]
    assert [line['step'] for line in lines] == [1, 2, 3]
    for line, record in zip(lines, read_gradient_run(tmp_path), strict=True):
        for name, value in summarise_gradients(record).items():
            assert line.get(f'gradients/{name}') == pytest.approx(value, rel=1e-5)


def test_figures_are_logged_at_the_given_interval(tmp_path):
    observed(
        tmp_path,
        visualizer=local_visualizer(),
        statistics=dict(draw_interval=2),
        train_cfg=dict(by_epoch=True, max_epochs=5),
    )
    found = sorted(path.name for path in tmp_path.rglob('vis_image/*.png'))
    assert found == ['gradient_ratio_2.png', 'gradient_ratio_4.png']


def test_figure_interval_counts_epochs_also_when_resumed(tmp_path):
    options = dict(statistics=dict(draw_interval=2), checkpoint_interval=6)
    observed(tmp_path, interrupt_after=6, **options, visualizer=local_visualizer())
    observed(tmp_path, resume=True, **options, visualizer=local_visualizer())
    found = [path.name for path in tmp_path.rglob('vis_image/*.png')]
    assert found == ['gradient_ratio_2.png']


def test_a_checkpoint_of_an_untrained_model_holds_no_sums(tmp_path):
    checkpoint: dict = {}
    GradientStatisticsHook().before_save_checkpoint(None, checkpoint)
    assert checkpoint == {}


def test_mismatched_class_names_are_ignored(tmp_path, monkeypatch):
    monkeypatch.setattr(NumberedSamples, 'metainfo', {'classes': ('a', 'b')})
    monkeypatch.setattr(Classifier, 'head', SimpleNamespace(num_classes=4), False)
    observed(tmp_path, sampler=dict(type='DefaultSampler', shuffle=True))
    assert read_gradient_run(tmp_path)[0].class_names == ('0', '1', '2', '3')


def test_a_training_that_is_stopped_early_writes_its_last_period(tmp_path):
    class Stop(Hook):
        def after_train_epoch(self, runner):
            runner.train_loop.stop_training = runner.epoch == 1

    _, log = observed(
        tmp_path,
        hooks=[Stop()],
        statistics=dict(interval=3),
        train_cfg=dict(by_epoch=True, max_epochs=5),
    )
    (record,) = read_gradient_run(tmp_path)
    assert (record.number, len(log.epochs)) == (2, 2)
    assert_sums(record.total, expected_sums(sum(log.epochs.values(), [])))


def test_many_classes_share_bins(tmp_path):
    _, log = observed(tmp_path, statistics=dict(max_bins=2))
    record = read_gradient_run(tmp_path)[-1]
    assert record.matrix_bins.tolist() == [0, 0, 1, 1]
    whole = expected_sums(sum(log.epochs.values(), []))['matrix']
    blocks = whole.reshape(2, 2, 2, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(record.total.matrix, blocks, rtol=1e-5)
