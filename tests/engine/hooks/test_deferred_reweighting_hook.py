"""DeferredReweightingHook switches class weights on at the right step."""

import pytest
from mmengine.hooks import Hook
from torch import nn

from mmgala.engine import DeferredReweightingHook
from mmgala.models import LDAMLoss
from tests.engine.tiny_runner import tiny_model, tiny_runner

STEPS = {'epochs': 5, 'iterations': 10}  # an epoch has two iterations


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """MMEngine sleeps for 2 seconds before it restarts a data loader."""
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)


class Stopped(Exception):
    """A training was interrupted."""


class Record(Hook):
    """Whether each step's loss is weighted; optionally interrupts after some steps."""

    priority = 'VERY_LOW'

    def __init__(self, stop=None):
        self.stop = stop
        self.weighted = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.weighted.append(runner.model.head.loss_module.reweighting)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.stop:
            raise Stopped


def model():
    """A new model, whose loss is not switched."""
    tiny = tiny_model()
    tiny.head.loss_module = LDAMLoss(3, class_counts=[2, 1, 1])
    return tiny


def train(work_dir, begin, unit, stop=None, **options):
    """Train, and return for each step whether its loss was weighted."""
    record = Record(stop)
    hooks = [DeferredReweightingHook(begin), record]
    runner = tiny_runner(
        work_dir, model(), unit, STEPS[unit], custom_hooks=hooks, **options
    )
    if stop is None:
        runner.train()
    else:
        with pytest.raises(Stopped):
            runner.train()
    return record.weighted


@pytest.mark.parametrize('unit', STEPS)
@pytest.mark.parametrize(
    ('begin', 'unweighted'), [(0.0, 0), (0.55, 6), (0.8, 8), (1.0, 10)]
)
def test_weights_begin_after_their_share_of_all_iterations(
    tmp_path, unit, begin, unweighted
):
    weighted = train(tmp_path, begin, unit)
    assert weighted == [False] * unweighted + [True] * (10 - unweighted)


@pytest.mark.parametrize('unit', STEPS)
@pytest.mark.parametrize('stop', [4, 8])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, unit, stop):
    before = train(tmp_path, 0.6, unit, stop)
    after = train(tmp_path, 0.6, unit, resume=True)
    assert len(before) == stop
    assert before + after == [False] * 6 + [True] * 4


@pytest.mark.parametrize('share', [0.07, 0.29, 0.55, 0.57, 0.58])
def test_rounding_does_not_delay_the_switch(share):
    """Some of these, times 100, are slightly above the exact value."""

    class Runner:
        max_iters = 100
        model = LDAMLoss(3)

    hook, runner = DeferredReweightingHook(share), Runner()
    hook.before_train(runner)
    switched = []
    for runner.iter in range(100):
        hook.before_train_iter(runner)
        switched.append(runner.model.reweighting)
    assert switched.index(True) == round(100 * share)


def test_every_loss_with_the_switch_is_set(tmp_path):
    tiny = model()
    tiny.add_module('deep', nn.ModuleDict({'other': LDAMLoss(3)}))
    runner = tiny_runner(
        tmp_path, tiny, custom_hooks=[DeferredReweightingHook(0.0)], steps=1
    )
    runner.train()
    assert tiny.head.loss_module.reweighting
    assert tiny.deep['other'].reweighting


def test_a_training_without_such_a_loss_is_refused_at_its_start(tmp_path):
    record = Record()
    hooks = [DeferredReweightingHook(), record]
    runner = tiny_runner(tmp_path, custom_hooks=hooks)
    message = 'no loss with `reweighting`: use mmgala.LDAMLoss'
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert record.weighted == []


@pytest.mark.parametrize('begin', [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(begin):
    with pytest.raises(ValueError, match=f'`begin` .*between 0 and 1, but got {begin}'):
        DeferredReweightingHook(begin)
