"""Gradient statistics of interrupted trainings equal those of uninterrupted ones."""

import numpy as np
import pytest

from mmgala.analysis import read_gradient_run
from mmgala.engine import ResumeWithinEpochHook
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine import gradient_training
from tests.engine.gradient_training import (
    Classifier,
    assert_epochs_match,
    assert_sums,
    expected_sums,
    merged,
    observed,
    text_of_log,
)
from tests.engine.index_training import train


def test_ranks_interrupted_within_an_epoch(tmp_path, rank_pool):
    ranks = rank_pool.run(
        gradient_training.observe_interrupted_on_rank,
        2,
        work_dir=str(tmp_path),
        stop=4,
    )
    first, second = (merged([parts[i] for parts in ranks]) for i in (0, 1))
    # DefaultSampler cannot start within an epoch: MMEngine restarts epoch 2.
    assert [len(steps) for steps in first.values()] == [6, 2]
    assert [len(steps) for steps in second.values()] == [6, 6]
    assert_epochs_match(tmp_path, {1: first[1], **second})


@pytest.mark.parametrize('stop', [2, 6, 8, 12, 17])
@pytest.mark.parametrize('interval', [1, 2])
def test_resumed_within_an_epoch_the_files_are_the_same(tmp_path, stop, interval):
    options = dict(statistics=dict(interval=interval))
    observed(tmp_path / 'whole', hooks=[ResumeWithinEpochHook()], **options)
    parts = tmp_path / 'parts'
    observed(parts, stop, hooks=[ResumeWithinEpochHook()], **options)
    observed(parts, hooks=[ResumeWithinEpochHook()], resume=True, **options)
    assert_same_files(parts, tmp_path / 'whole')


@pytest.mark.parametrize('interval', [1, 2])
def test_a_restarted_epoch_counts_once(tmp_path, interval):
    options = dict(
        sampler=dict(type='DefaultSampler', shuffle=True),
        statistics=dict(interval=interval),
    )
    observed(tmp_path / 'whole', **options)
    _, first = observed(tmp_path / 'parts', 8, **options)
    _, second = observed(tmp_path / 'parts', resume=True, **options)
    assert len(first.epochs[2]) == 2
    assert len(second.epochs[2]) == 6  # MMEngine repeats the two
    epochs = {1: first.epochs[1], **second.epochs}
    total = read_gradient_run(tmp_path / 'parts')[-1].total
    assert_sums(total, expected_sums(sum(epochs.values(), [])))


def assert_same_files(found, expected):
    pairs = zip(read_gradient_run(found), read_gradient_run(expected), strict=True)
    for mine, theirs in pairs:
        assert (mine.unit, mine.number) == (theirs.unit, theirs.number)
        for sums in ('period', 'total'):
            for name in gradient_training.SUMS:
                np.testing.assert_allclose(
                    getattr(getattr(mine, sums), name),
                    getattr(getattr(theirs, sums), name),
                    rtol=1e-6,
                )


@pytest.mark.parametrize('stop', [None, 7])
def test_iteration_based_trainings(tmp_path, stop):
    options = dict(
        train_cfg=dict(by_epoch=False, max_iters=11, val_interval=3),
        statistics=dict(interval=4),
    )
    whole = tmp_path / 'whole'
    _, log = observed(whole, **options)
    records = read_gradient_run(whole)
    assert [(r.unit, r.number) for r in records] == [
        ('iter', 4),
        ('iter', 8),
        ('iter', 11),
    ]
    steps = sum(log.epochs.values(), [])
    assert_sums(records[1].period, expected_sums(steps[4:8]))
    assert_sums(records[2].total, expected_sums(steps))
    if stop:
        parts = tmp_path / 'parts'
        observed(parts, stop, **options)
        observed(parts, resume=True, **options)
        assert_same_files(parts, whole)


def test_loading_weights_does_not_load_statistics(tmp_path):
    observed(tmp_path / 'first', checkpoint_interval=6)
    checkpoint = tmp_path / 'first' / 'iter_18.pth'
    assert 'gradient_statistics' in read_checkpoint(checkpoint)
    _, log = observed(tmp_path / 'second', load_from=str(checkpoint))
    assert_epochs_match(tmp_path / 'second', log.epochs)


@pytest.mark.parametrize(
    'before', ['without the hook', 'without a matrix', 'with other groups']
)
def test_resumed_from_a_checkpoint_without_sums(tmp_path, before):
    if before == 'without the hook':
        train(tmp_path, 6, model=Classifier())
    else:
        other = dict(matrix=False) if 'matrix' in before else dict(many=5, few=2)
        observed(tmp_path, 6, statistics=other)
    _, log = observed(tmp_path, resume=True)
    total = read_gradient_run(tmp_path)[-1].total
    assert_sums(total, expected_sums(sum(log.epochs.values(), [])))
    assert 'recording starts at iteration 7' in text_of_log(tmp_path)


def test_files_after_the_resumed_position_are_moved_away(tmp_path):
    hooks = dict(hooks=[ResumeWithinEpochHook()])
    observed(tmp_path, checkpoint_interval=8, **hooks)  # and on to the end, epoch 3
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_8.pth'))
    observed(
        tmp_path,
        resume=True,
        train_cfg=dict(by_epoch=True, max_epochs=2),
        hooks=[ResumeWithinEpochHook()],
    )
    assert [r.number for r in read_gradient_run(tmp_path)] == [1, 2]
    (aside,) = tmp_path.glob('gradient_statistics_before_*')
    assert sorted(path.name for path in aside.iterdir()) == [
        'epoch_2.npz',
        'epoch_3.npz',
    ]
