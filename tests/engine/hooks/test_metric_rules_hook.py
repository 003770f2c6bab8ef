"""The best checkpoint, early stopping and plateaus, by the direction of the metric."""

import pytest
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook, Hook

from mmgala.engine import MetricRulesHook
from mmgala.engine.metric_rules import known_rule, monitors, set_metric_rules
from mmgala.functional import METRIC_NAMES
from tests.engine.tiny_runner import loader, tiny_runner

ECE = [30.0, 10.0, 20.0]  # the best one is that of the second epoch


class Reported(BaseMetric):
    """Metrics as they are given, one dict for each validation."""

    def __init__(self, values, prefix='accuracy'):
        super().__init__(prefix=prefix)
        self._values = iter(values)

    def process(self, data_batch, data_samples):
        self.results.extend(data_samples)

    def compute_metrics(self, results):
        return next(self._values)


def runner_with(folder, metrics, checkpoint=None, hooks=(), steps=3, **options):
    """Runner that validates after each epoch."""
    runner = tiny_runner(
        folder, steps=steps, val_dataloader=loader(), val_cfg=dict(),
        val_evaluator=metrics, custom_hooks=[MetricRulesHook(), *hooks], **options,
    )  # fmt: skip
    if checkpoint:
        kept = [hook for hook in runner.hooks if not isinstance(hook, CheckpointHook)]
        runner._hooks = kept
        runner.register_hook(dict(type='CheckpointHook', **checkpoint))
    return runner


def values_of(**series):
    rows = zip(*series.values(), strict=True)
    return [dict(zip(series, row, strict=True)) for row in rows]


def config(**parts):
    return Config(dict(default_scope='mmpretrain', **parts))


def saving(**settings):
    """Default hooks with these settings of the checkpoint hook."""
    return dict(checkpoint=dict(type='CheckpointHook', **settings))


def best_files(folder):
    return sorted(path.name for path in folder.glob('best_*'))


@pytest.mark.parametrize('save_best', ['accuracy/ece', ['accuracy/ece']])
def test_best_is_the_smallest_ece(tmp_path, save_best):
    metric = Reported(values_of(ece=ECE))

    runner_with(tmp_path, [metric], dict(save_best=save_best)).train()

    assert best_files(tmp_path) == ['best_accuracy_ece_epoch_2.pth']


def test_each_metric_of_a_list_has_its_own_direction(tmp_path):
    metric = Reported(values_of(top1=[1.0, 2.0, 3.0], ece=ECE))

    runner_with(
        tmp_path, [metric], dict(save_best=['accuracy/top1', 'accuracy/ece'])
    ).train()

    assert best_files(tmp_path) == [
        'best_accuracy_ece_epoch_2.pth', 'best_accuracy_top1_epoch_3.pth'
    ]  # fmt: skip


def test_auto_takes_the_direction_of_the_first_metric(tmp_path):
    metric = Reported(values_of(ece=ECE, top1=[1.0, 2.0, 3.0]))

    runner_with(tmp_path, [metric], dict(save_best='auto')).train()

    assert best_files(tmp_path) == ['best_accuracy_ece_epoch_2.pth']


def test_auto_of_an_unknown_metric_is_refused(tmp_path):
    metric = Reported(values_of(my_error=ECE))
    runner = runner_with(tmp_path, [metric], dict(save_best='auto'))

    with pytest.raises(ValueError, match="accuracy/my_error.*rule='less'"):
        runner.train()


def test_auto_with_a_stated_rule_follows_it(tmp_path):
    metric = Reported(values_of(my_error=ECE))

    runner_with(tmp_path, [metric], dict(save_best='auto', rule='less')).train()

    assert best_files(tmp_path) == ['best_accuracy_my_error_epoch_2.pth']


def test_unknown_metric_is_refused_before_training(tmp_path):
    metric = Reported(values_of(my_error=ECE))
    checkpoint = dict(save_best='accuracy/my_error')
    cfg = config(default_hooks=saving(**checkpoint))
    runner = runner_with(tmp_path, [metric], checkpoint, cfg=cfg)

    with pytest.raises(ValueError, match="accuracy/my_error.*rule='less'"):
        runner.train()

    assert runner.iter == 0


@pytest.mark.parametrize('has_config', [True, False])
def test_stated_rule_of_an_unknown_metric_is_followed(tmp_path, has_config):
    checkpoint = dict(save_best='accuracy/my_error', rule='less')
    metric = Reported(values_of(my_error=ECE))
    cfg = config(default_hooks=saving(**checkpoint)) if has_config else None

    runner_with(tmp_path, [metric], checkpoint, cfg=cfg).train()

    assert best_files(tmp_path) == ['best_accuracy_my_error_epoch_2.pth']


def test_metric_that_is_not_reported_is_refused_before_training(tmp_path):
    metric = dict(type='mmgala.LongTailedAccuracy', prefix='lt', topk=(1, 2))
    runner = runner_with(tmp_path, [metric], dict(save_best='accuracy/top1'))

    with pytest.raises(ValueError, match='accuracy/top1.*lt/top1, lt/top2, .*lt/ece'):
        runner.train()

    assert runner.iter == 0


def test_metric_of_an_unknown_type_is_missed_after_the_first_validation(tmp_path):
    metric = Reported(values_of(top1=[1.0, 2.0, 3.0]))
    runner = runner_with(tmp_path, [metric], dict(save_best='accuracy/few'))

    with pytest.raises(ValueError, match='accuracy/few.*reports accuracy/top1'):
        runner.train()

    assert runner.epoch == 1


def test_early_stopping_waits_for_a_smaller_ece(tmp_path):
    falling = Reported(values_of(ece=[30.0, 20.0, 10.0, 10.0, 10.0, 10.0]))
    hook = dict(type='EarlyStoppingHook', monitor='accuracy/ece', patience=2)

    runner = runner_with(tmp_path, [falling], hooks=[hook], steps=6)
    runner.train()

    assert runner.epoch == 5  # two validations without improvement


class LearningRates(Hook):
    def __init__(self):
        self.seen = []

    def before_train_epoch(self, runner):
        self.seen.append(runner.optim_wrapper.get_lr()['lr'][0])


@pytest.mark.parametrize(
    ('monitor', 'values'),
    [('top1', [10.0, 20.0, 30.0]), ('ece', [30.0, 20.0, 10.0])],
)
def test_plateau_is_no_improvement_in_either_direction(tmp_path, monitor, values):
    metric = Reported(values_of(**{monitor: values}))
    rates = LearningRates()
    scheduler = dict(
        type='ReduceOnPlateauLR', monitor=f'accuracy/{monitor}', patience=0
    )

    runner_with(tmp_path, [metric], hooks=[rates], param_scheduler=scheduler).train()

    assert rates.seen == [0.1, 0.1, 0.1]


@pytest.mark.parametrize('prefix', ['accuracy/', 'lt/', ''])
@pytest.mark.parametrize('name', [*METRIC_NAMES, 'top5'])
def test_every_metric_has_a_direction(prefix, name):
    assert known_rule(prefix + name) == ('less' if name == 'ece' else 'greater')


@pytest.mark.parametrize(
    ('name', 'rule'),
    [
        ('single-label/f1-score', 'greater'),
        ('single-label/precision_top1', 'greater'),
        ('multi-label/mAP', 'greater'),
        ('accuracy/top1_thr-0.50', 'greater'),
        ('coco/bbox_mAP_50', 'greater'),
        ('lvis/segm_APr', 'greater'),
        ('lvis_fixed_ap/bbox_AP', 'greater'),
        ('coco/AR@100', 'greater'),
        ('loss', 'less'),
        ('accuracy/loss', 'less'),
        ('accuracy/my_error', None),
        ('acc_error', None),
    ],
)
def test_names_of_other_libraries(name, rule):
    assert known_rule(name) == rule


def test_config_gets_the_rules():
    cfg = config(
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', save_best=['lt/few', 'lt/ece'])),
        custom_hooks=[dict(type='EarlyStoppingHook', monitor='lt/ece')],
        param_scheduler=[dict(type='CosineAnnealingLR'),
                         dict(type='ReduceOnPlateauLR', monitor='lt/few')],
    )  # fmt: skip

    set_metric_rules(cfg)

    assert cfg.default_hooks.checkpoint.rule == ['greater', 'less']
    assert cfg.custom_hooks[0].rule == 'less'
    assert cfg.param_scheduler[1].rule == 'greater'
    assert 'rule' not in cfg.param_scheduler[0]


def test_config_keeps_what_it_states_and_what_it_does_not_monitor():
    hooks = dict(
        checkpoint=dict(type='CheckpointHook', save_best='my_error', rule='less'),
        logger=dict(type='LoggerHook'),
        visualization=None,
    )
    cfg = config(default_hooks=hooks, custom_hooks=[
        dict(type='CheckpointHook', save_best='auto')])  # fmt: skip
    before = cfg.to_dict()

    set_metric_rules(cfg)

    assert cfg.to_dict() == before
    assert [m.rules for m in monitors(cfg)] == [{'my_error': 'less'}, {}]


def test_message_names_the_setting_of_the_stage():
    cfg = config(
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='acc/gap'))
    )

    with pytest.raises(
        ValueError, match=r"stage1\.default_hooks\.checkpoint\.save_best='acc/gap'"
    ):
        set_metric_rules(cfg, 'stage1.')
