"""Precedence of shot thresholds in configs, checkpoints and data sets."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import Evaluator

from mmgala.evaluation import LongTailedAccuracy, ScoreDump
from mmgala.evaluation.score_dump import add_dump
from mmgala.evaluation.shot_thresholds import (
    checkpoint_thresholds,
    config_thresholds,
    resolve_thresholds,
    thresholds_meta,
)
from mmgala.functional import ShotThresholds
from mmgala.registry import METRICS
from tests.evaluation.predictions import biased_scores, evaluate

LIMITS = dict(many=40, few=10)
METRIC = dict(type='mmgala.LongTailedAccuracy', **LIMITS)
HOOK = dict(type='mmgala.ClassCountsHook', **LIMITS)
STATISTICS = dict(type='mmgala.GradientStatisticsHook', **LIMITS)
STATED = ShotThresholds(40, 10)
PLAIN = dict(type='mmgala.LongTailedAccuracy')
OTHER = dict(type='mmengine.DumpResults', out_file_path='x.pkl')


class CoarseAccuracy(LongTailedAccuracy):
    """A user's metric that sets thresholds."""

    def __init__(self, many=400, few=50, **kwargs):
        super().__init__(many=many, few=few, **kwargs)


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (dict(val_evaluator=METRIC), STATED),
        (dict(val_evaluator=PLAIN, test_evaluator=[OTHER, METRIC]), STATED),
        (dict(val_evaluator=dict(type='Evaluator', metrics=[METRIC])), STATED),
        (dict(val_evaluator=dict(type='Evaluator', metrics=METRIC)), STATED),
        (dict(custom_hooks=[HOOK]), STATED),
        (dict(custom_hooks=[STATISTICS]), STATED),
        (dict(test_evaluator=dict(PLAIN, many=50)), ShotThresholds(50, 20)),
        (dict(val_evaluator=dict(type=CoarseAccuracy)), ShotThresholds(400, 50)),
        (dict(val_evaluator=dict(type=CoarseAccuracy, few=6)), ShotThresholds(400, 6)),
        (dict(val_evaluator=PLAIN, test_evaluator=[OTHER]), None),
        (dict(val_evaluator=None), None),
        (dict(), None),
    ],
)  # fmt: skip
def test_thresholds_of_a_config(settings, expected):
    assert config_thresholds(Config(settings)) == expected


def test_a_registered_subclass_states_them_too():
    METRICS.register_module(module=CoarseAccuracy)
    try:
        cfg = Config(dict(val_evaluator=dict(type='mmgala.CoarseAccuracy')))
        assert config_thresholds(cfg) == ShotThresholds(400, 50)
    finally:
        METRICS._module_dict.pop('CoarseAccuracy')


def test_a_config_that_contradicts_itself_is_refused():
    hook = dict(type='mmgala.GradientStatisticsHook', many=50)
    cfg = Config(dict(val_evaluator=METRIC, custom_hooks=[hook]))
    with pytest.raises(
        ValueError,
        match='LongTailedAccuracy many > 40, few < 10 and GradientStatisticsHook many '
        '> 50, few < 20',
    ):
        config_thresholds(cfg)


def test_the_config_overrides_the_checkpoint():
    old, new = dict(meta={}), dict(meta=thresholds_meta(ShotThresholds(7, 3)))
    states, leaves_open = Config(dict(val_evaluator=METRIC)), Config(dict())
    assert resolve_thresholds(states, new) == resolve_thresholds(states, old) == STATED
    assert resolve_thresholds(leaves_open, new) == ShotThresholds(7, 3)
    assert resolve_thresholds(leaves_open, old) is None
    assert checkpoint_thresholds({}) is None
    in_data_set = dict(meta=dict(dataset_meta=thresholds_meta(STATED)))
    assert checkpoint_thresholds(in_data_set) == STATED


def test_the_metric_takes_those_beside_the_class_counts():
    data = biased_scores(150, 8)
    counts = [101, 500, 100, 20, 60, 19, 1, 0]
    expected = evaluate(LongTailedAccuracy(many=60, few=2), *data, counts)
    metric = LongTailedAccuracy()
    metric.dataset_meta = dict(
        class_counts=counts, **thresholds_meta(ShotThresholds(60, 2))
    )
    assert evaluate(metric, *data) == expected
    assert evaluate(LongTailedAccuracy(), *data, counts) != expected


@pytest.mark.parametrize('by', ['metric', 'meta'])
def test_a_dump_keeps_them(tmp_path, by):
    metric = LongTailedAccuracy(**(dict(many=40, few=10) if by == 'metric' else {}))
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dict(
        class_counts=[50, 5, 1], **(thresholds_meta(STATED) if by == 'meta' else {})
    )
    add_dump(evaluator, ScoreDump(str(tmp_path / 'scores.npz')))
    evaluate(evaluator, *biased_scores(30, 3))
    with np.load(tmp_path / 'scores.npz') as file:
        assert file['shot_thresholds'].tolist() == [40, 10]
