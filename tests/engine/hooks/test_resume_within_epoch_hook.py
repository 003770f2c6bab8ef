"""Trainings interrupted within an epoch are resumed exactly."""

import functools

import pytest
from torch.utils.data import BatchSampler

from mmgala.registry import DATA_SAMPLERS
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.index_training import train, weights
from tests.engine.resumed_ranks import train_and_resume_on_rank

SAMPLERS = {
    'class-aware': dict(type='mmgala.ClassAwareSampler', num_samples_per_class=2),
    'progressive': dict(
        type='mmgala.ClassBalancedSampler', mode='progressive', num_epochs=3
    ),
    'default': dict(type='DefaultSampler', shuffle=True),
}
LOADERS = {
    'incomplete last batch': dict(batch_size=4),
    'dropped last batch': dict(batch_size=4, drop_last=True),
    'workers': dict(batch_size=4, num_workers=2),
    'persistent workers': dict(batch_size=4, num_workers=2, persistent_workers=True),
}


def log_of(work_dir):
    return '\n'.join(path.read_text() for path in work_dir.rglob('*.log'))


def interrupt_and_resume(work_dir, *stops, resumed_with=None, **options):
    """Train with interruptions after some steps; return recorders and last runner."""
    recorders = []
    for number, stop in enumerate([*stops, None]):
        if number > 0:
            options = {**options, **(resumed_with or {}), 'resume': True}
        runner, recorder = train(work_dir, stop, **options)
        recorders.append(recorder)
    return runner, recorders


def joined(recorders, name):
    return [item for recorder in recorders for item in getattr(recorder, name)]


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    """Function: a training without interruption, cached."""
    folder = tmp_path_factory.mktemp('uninterrupted')

    @functools.cache
    def run(sampler, loader):
        return train(folder, sampler=SAMPLERS[sampler], **LOADERS[loader])

    return run


@pytest.mark.parametrize(
    ('sampler', 'loader', 'stops'),
    [
        ('class-aware', 'incomplete last batch', (1,)),
        ('class-aware', 'incomplete last batch', (6,)),  # at the end of epoch 1
        ('class-aware', 'incomplete last batch', (17,)),  # one batch is left
        ('class-aware', 'incomplete last batch', (18,)),  # only the end is missing
        ('class-aware', 'incomplete last batch', (2, 3, 8)),
        ('class-aware', 'dropped last batch', (4,)),
        ('class-aware', 'dropped last batch', (5,)),  # at the end of epoch 1
        ('class-aware', 'workers', (9,)),
        ('progressive', 'incomplete last batch', (9,)),
        ('progressive', 'persistent workers', (6,)),
        ('progressive', 'persistent workers', (13,)),
    ],
    ids=str,
)
def test_interrupted_training_equals_an_uninterrupted_one(
    tmp_path, uninterrupted, sampler, loader, stops
):
    whole, expected = uninterrupted(sampler, loader)

    options = dict(sampler=SAMPLERS[sampler], **LOADERS[loader])
    runner, recorders = interrupt_and_resume(tmp_path, *stops, **options)

    for name in ('batches', 'learning_rates', 'epoch_ends'):
        assert joined(recorders, name) == getattr(expected, name), name
    assert weights(runner) == weights(whole)
    assert (runner.epoch, runner.iter) == (whole.epoch, whole.iter)


def test_samples_of_earlier_steps_are_not_loaded_again(tmp_path):
    runner, recorders = interrupt_and_resume(tmp_path, 8)
    loaded = runner.train_dataloader.dataset.loaded
    assert loaded == [index for batch in recorders[1].batches for index in batch]
    assert 'Epoch 2 continues after 2 of its 6 batches' in log_of(tmp_path)


def test_without_the_hook_mmengine_repeats_the_epoch(tmp_path):
    _, expected = train(tmp_path / 'whole')
    _, recorders = interrupt_and_resume(tmp_path / 'parts', 8, custom_hooks=[])
    assert recorders[1].batches[:6] == expected.batches[6:12]


@pytest.mark.parametrize('by_epoch', [True, False])
def test_random_seed_is_restored(tmp_path, by_epoch):
    options = dict(seed=None)
    if not by_epoch:
        sampler = dict(type='mmgala.ClassAwareSampler', infinite=True)
        cfg = dict(by_epoch=False, max_iters=18)
        options.update(sampler=sampler, train_cfg=cfg)
    interrupted, recorders = interrupt_and_resume(tmp_path / 'parts', 8, **options)
    seed = interrupted.train_dataloader.sampler.seed
    _, expected = train(tmp_path / 'whole', **{**options, 'seed': seed})
    assert joined(recorders, 'batches') == expected.batches


def test_checkpoint_contains_the_position(tmp_path):
    train(tmp_path, seed=5, checkpoint_interval=1)
    for step, done in [(1, 1), (6, 6), (7, 1), (18, 6)]:
        meta = read_checkpoint(tmp_path / f'iter_{step}.pth')['meta']
        place = dict(batches_done=done, batches_per_epoch=6, seed=5)
        assert meta['train_sampler'] == place


def test_checkpoint_of_a_whole_epoch_is_the_start_of_the_next(tmp_path):
    runner, _ = train(tmp_path)
    runner.train_loop._epoch -= 1  # as while hooks save at the end of an epoch
    runner.save_checkpoint(str(tmp_path), 'epoch_3.pth', by_epoch=True)
    place = read_checkpoint(tmp_path / 'epoch_3.pth')['meta']['train_sampler']
    assert place['batches_done'] == 0


def test_training_from_loaded_weights_starts_at_the_first_batch(tmp_path):
    _, recorder = train(tmp_path / 'first', interrupt_after=8)
    checkpoint = str(tmp_path / 'first' / 'iter_8.pth')
    _, anew = train(tmp_path / 'second', load_from=checkpoint)
    assert anew.batches[:8] == recorder.batches
    assert len(anew.batches) == 18


@DATA_SAMPLERS.register_module()
class Pairs(BatchSampler):
    """A custom batch sampler."""

    def __init__(self, sampler, batch_size):
        super().__init__(sampler, batch_size, drop_last=False)


OBSTACLES = {
    'sampler': (
        dict(sampler=SAMPLERS['default']),
        None,
        'its sampler or batch sampler cannot start in the middle',
    ),
    'batch sampler': (
        dict(batch_sampler=dict(type='mmgala.Pairs')),
        None,
        'its sampler or batch sampler cannot start in the middle',
    ),
    'sampler of before': (
        dict(sampler=SAMPLERS['default']),
        dict(sampler=SAMPLERS['class-aware']),
        'its sampler or batch sampler cannot start in the middle',
    ),
    'batch size': (dict(), dict(batch_size=8), 'it had 6 batches before and has 3 now'),
    'no place': (
        dict(custom_hooks=[]),
        dict(custom_hooks=[dict(type='mmgala.ResumeWithinEpochHook')]),
        'the checkpoint was saved without ResumeWithinEpochHook',
    ),
}


@pytest.mark.parametrize('name', OBSTACLES)
def test_an_epoch_that_cannot_be_continued_restarts_with_a_warning(tmp_path, name):
    options, change, reason = OBSTACLES[name]
    _, recorders = interrupt_and_resume(
        tmp_path / 'hook', 8, resumed_with=change, **options
    )
    _, without = interrupt_and_resume(
        tmp_path / 'none',
        8,
        resumed_with={**(change or {}), 'custom_hooks': []},
        **{**options, 'custom_hooks': []},
    )
    assert recorders[1].batches == without[1].batches
    log = log_of(tmp_path / 'hook')
    assert log.count('was interrupted and has to restart') == 1
    assert f'Epoch 2 was interrupted and has to restart: {reason}' in log


def test_ranks_resume_together(tmp_path, rank_pool):
    one_process, expected = train(tmp_path / 'one', batch_size=8)
    results = rank_pool.run(
        train_and_resume_on_rank, 2, work_dir=str(tmp_path / 'two'), stop=4
    )
    # In each step, the two ranks split the batch of a single process; they draw one
    # more sample per epoch, so that both have the same number.
    for step, batch in enumerate(expected.batches):
        of_ranks = [rank['batches'][step] for rank in results]
        both = [index for pair in zip(*of_ranks, strict=True) for index in pair]
        assert both[: len(batch)] == batch
    for rank in results:
        assert len(rank['batches']) == len(expected.batches) == 9
        assert rank['batches'] == rank['uninterrupted']
        assert rank['equal_weights']
