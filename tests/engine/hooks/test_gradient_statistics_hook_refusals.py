"""GradientStatisticsHook warns or refuses where it cannot record a training."""

import math
from pathlib import Path

import pytest
import torch

from mmgala.analysis import read_gradient_run, record_paths
from mmgala.engine import GradientStatisticsHook
from tests.engine.gradient_training import (
    Classifier,
    assert_epochs_match,
    observed,
    text_of_log,
)
from tests.engine.index_training import Linear, train, weights


@pytest.mark.parametrize(
    ('what', 'function'),
    [('file', 'write_record'), ('figure', 'draw_gradient_ratio')],
)
def test_a_failed_write_causes_a_warning(tmp_path, monkeypatch, what, function):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(f'mmgala.engine.gradient_recording.output.{function}', full)
    with_hook, _ = observed(tmp_path, statistics=dict(draw_interval=1))
    without, _ = train(tmp_path / 'without', model=Classifier())
    assert weights(with_hook) == weights(without)
    warning = f'Could not write the {what} with the gradient statistics of epoch 2'
    lines = [line for line in text_of_log(tmp_path).splitlines() if warning in line]
    assert len(lines) == 1
    assert 'No space left on device' in lines[0]
    assert len(record_paths(tmp_path)) == (3 if what == 'figure' else 0)


def test_a_loss_that_is_never_called_causes_a_warning(tmp_path):
    model = Classifier()
    model.second = Classifier()
    observed(tmp_path, model=model, statistics=dict(loss_module='second.loss_module'))
    assert 'second.loss_module had no finite gradient' in text_of_log(tmp_path)
    assert not read_gradient_run(tmp_path)[-1].total.samples.any()


def test_old_files_that_cannot_be_moved_cause_a_warning(tmp_path, monkeypatch):
    observed(tmp_path)

    def refuse(self, target):
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr(Path, 'rename', refuse)
    _, log = observed(tmp_path)
    assert_epochs_match(tmp_path, log.epochs)
    assert 'Could not move gradient statistics' in text_of_log(tmp_path)


def test_a_loss_must_be_a_module(tmp_path):
    with pytest.raises(ValueError, match='found no loss in Linear'):
        observed(tmp_path, model=Linear())


def test_a_loss_with_another_name_can_be_given(tmp_path):
    class Renamed(Classifier):
        def __init__(self):
            super().__init__()
            self.criterion = self._modules.pop('loss_module')

        @property
        def loss_module(self):
            return self._modules['criterion']

    message = r"found no modules loss_module in Renamed.*loss_module=.*\['criterion'\]"
    with pytest.raises(ValueError, match=message):
        observed(tmp_path / 'unnamed', model=Renamed())
    with pytest.raises(ValueError, match=r"no modules 'nothing' in Renamed"):
        observed(
            tmp_path / 'wrong', model=Renamed(), statistics=dict(loss_module='nothing')
        )
    _, log = observed(
        tmp_path, model=Renamed(), statistics=dict(loss_module='criterion')
    )
    assert_epochs_match(tmp_path, log.epochs)


def test_one_of_several_losses_has_to_be_named(tmp_path):
    model = Classifier()
    model.second = Classifier()
    message = r"2 modules loss_module.*\['loss_module', 'second\.loss_module'\]"
    with pytest.raises(ValueError, match=message):
        observed(tmp_path, model=model)
    _, log = observed(tmp_path, model=model, statistics=dict(loss_module='loss_module'))
    assert_epochs_match(tmp_path, log.epochs)


def test_logits_and_data_must_have_the_same_number_of_classes(tmp_path):
    model = Classifier()
    model.fc = torch.nn.Linear(3, 5)
    with pytest.raises(ValueError, match='logits of 5 classes.* training set has 4'):
        observed(tmp_path, model=model)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(interval=0), '`interval` to be an integer of 1 or more, but got 0'),
        (dict(interval=math.nan), '`interval` to be an integer.*got nan'),
        (dict(max_bins=0), '`max_bins` to be an integer of 1 or more, but got 0'),
        (dict(draw_interval=-1), '`draw_interval` to be an integer of 0 or more'),
        (dict(many=5, few=9), 'Expected `few` <= `many`'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradientStatisticsHook(**arguments)
