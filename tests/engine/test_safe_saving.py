"""Checkpoints appear whole, the old ones go last, and kills in between lose nothing."""

import os
import pickle
from functools import partial

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.fileio import dump
from mmengine.hooks import CheckpointHook, Hook

from mmgala.utils.checkpoint import read_checkpoint, read_latest_checkpoint
from tests.engine.tiny_runner import loader, tiny_runner


class Killed(Exception):
    """The training ends here, as if it were killed."""


class Score(BaseMetric):
    """Returns one score after the other."""

    def __init__(self, scores):
        super().__init__()
        self.scores = list(scores)

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return {'top1': self.scores.pop(0)}


def train(folder, scores=(), epochs=3, unit='epochs', runner_options=None, **hook):
    """Train and validate after every epoch, with these options of CheckpointHook."""
    options = runner_options or {}
    if scores:
        options |= dict(
            val_dataloader=loader(), val_cfg=dict(), val_evaluator=[Score(scores)]
        )
        hook |= dict(save_best='top1', rule='greater')
    runner = tiny_runner(folder, unit=unit, steps=epochs, **options)
    kept = next(h for h in runner.hooks if isinstance(h, CheckpointHook))
    runner._hooks.remove(kept)
    runner.register_hook(
        CheckpointHook(interval=1, by_epoch=unit == 'epochs', **hook), 'VERY_LOW'
    )
    runner.train()
    return runner


def resume(folder, *args, **kwargs):
    path, _ = read_latest_checkpoint(folder)
    options = dict(resume=True, load_from=path)
    return train(folder, *args, runner_options=options, **kwargs)


def names(folder):
    return sorted(p.name for p in folder.glob('*.pth'))


def fail_at_call(monkeypatch, function, number):
    """Let the n-th call of a function of ``os`` end the training."""
    calls, original = [], getattr(os, function)

    def call(*args, **kwargs):
        path = str(args[0])
        if path.endswith('.pth'):
            calls.append(path)
            if len(calls) == number:
                raise Killed(path)
        return original(*args, **kwargs)

    monkeypatch.setattr(os, function, call)


@pytest.mark.parametrize('unit', ['epochs', 'iterations'])
def test_a_kill_while_saving_keeps_the_checkpoint_before(tmp_path, monkeypatch, unit):
    with monkeypatch.context() as patch:
        fail_at_call(patch, 'replace', 2)
        with pytest.raises(Killed):
            train(tmp_path, unit=unit, max_keep_ckpts=1)

    path, checkpoint = read_latest_checkpoint(tmp_path)

    name = unit.replace('epochs', 'epoch').replace('iterations', 'iter')
    assert path == str(tmp_path / f'{name}_1.pth')
    assert checkpoint['meta'][name] == 1


def test_a_kill_before_removing_leaves_one_file_that_is_removed_later(
    tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        fail_at_call(patch, 'remove', 1)
        with pytest.raises(Killed):
            train(tmp_path, max_keep_ckpts=1)
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']

    resume(tmp_path, max_keep_ckpts=1)

    assert names(tmp_path) == ['epoch_3.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_3.pth')


@pytest.mark.parametrize('keep', [1, 2])
def test_the_newest_checkpoints_are_kept(tmp_path, keep):
    train(tmp_path, epochs=4, max_keep_ckpts=keep)

    assert names(tmp_path) == [f'epoch_{n}.pth' for n in range(5 - keep, 5)]


SCORES = [0.2, 0.5, 0.4]


def test_the_best_checkpoint_replaces_the_former_one_last(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        fail_at_call(patch, 'remove', 1)
        with pytest.raises(Killed):
            train(tmp_path, SCORES)
    assert names(tmp_path)[:2] == ['best_top1_epoch_1.pth', 'best_top1_epoch_2.pth']

    resume(tmp_path, SCORES[2:])

    assert names(tmp_path)[0] == 'best_top1_epoch_2.pth'
    assert len(names(tmp_path)) == 4


@pytest.mark.parametrize('first', [1, 2])
def test_a_validation_that_was_cut_off_is_repeated(tmp_path, first):
    """Otherwise the best checkpoint would not be the best of all epochs."""
    scores = [0.2, 0.5, 0.7]
    expected = train(tmp_path / 'whole', scores)
    folder = tmp_path / 'killed'

    class Kill(Hook):
        def before_val(self, runner):
            if runner.epoch == first + 1:
                raise Killed

    with pytest.raises(Killed):
        train(folder, scores, runner_options=dict(custom_hooks=[Kill()]))
    resume(folder, scores[first:])

    assert names(folder) == names(tmp_path / 'whole')
    assert 'best_top1_epoch_3.pth' in names(folder)
    assert expected.message_hub.get_info('best_score') == 0.7


def test_a_finished_validation_is_not_repeated(tmp_path):
    train(tmp_path, [0.2, 0.5], epochs=2)

    resume(tmp_path, [0.1], epochs=3)  # one more validation, not two

    assert 'best_top1_epoch_2.pth' in names(tmp_path)


@pytest.mark.parametrize('save_best', [None, 'top1'])
def test_a_validation_without_training_saves_nothing(tmp_path, save_best):
    runner = tiny_runner(
        tmp_path, val_dataloader=loader(), val_cfg=dict(), val_evaluator=[Score([0.5])]
    )
    runner.register_hook(CheckpointHook(save_best=save_best, rule='greater'), 'LOWEST')
    runner.message_hub.update_info('best_score', 0.6)

    assert runner.val() == {'top1': 0.5}
    assert names(tmp_path) == []


def test_meta_information_of_any_type_can_be_read_again(tmp_path):
    runner = tiny_runner(tmp_path)

    class Names(Hook):
        def before_save_checkpoint(self, runner, checkpoint):
            checkpoint['meta']['classes'] = np.array(['a', 'b'])
            checkpoint['meta']['path'] = tmp_path

    runner.register_hook(Names())
    runner.message_hub.update_info('dataset_meta', {'classes': [np.str_('a')]})
    runner.train()

    checkpoint = read_checkpoint(tmp_path / 'epoch_1.pth')
    assert checkpoint['meta']['classes'] == ['a', 'b']
    assert checkpoint['meta']['path'] == str(tmp_path)


@pytest.mark.parametrize('kind', ['pkl', 'json', 'py'])
def test_a_failure_while_writing_keeps_the_old_file(tmp_path, monkeypatch, kind):
    path = tmp_path / f'x.{kind}'
    path.write_bytes(b'old')
    monkeypatch.setattr(os, 'replace', lambda *args: 1 / 0)

    write = Config(dict(a=1)).dump if kind == 'py' else partial(dump, dict(a=1))
    with pytest.raises(ZeroDivisionError):
        write(path)

    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == [path.name]


def test_whole_files_hold_what_was_written(tmp_path):
    Config(dict(a=1)).dump(tmp_path / 'new' / 'x.py')
    dump({'b': [1]}, tmp_path / 'new' / 'x.pkl')

    assert Config.fromfile(tmp_path / 'new' / 'x.py').a == 1
    assert pickle.loads((tmp_path / 'new' / 'x.pkl').read_bytes()) == {'b': [1]}
