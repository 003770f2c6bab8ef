"""The samplers under MMEngine's epoch-based and iteration-based loops."""

from itertools import islice
from types import SimpleNamespace

import pytest

from mmgala.datasets import ClassAwareSampler, ClassBalancedSampler
from tests.engine.index_training import NumberedSamples, train, weights

pytestmark = pytest.mark.slow

BY_ITER = dict(by_epoch=False, max_iters=14)
FINITE = dict(type='mmgala.ClassAwareSampler', num_samples_per_class=2)
INFINITE = dict(type='mmgala.ClassBalancedSampler', mode='class', infinite=True)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    """MMEngine sleeps for two seconds before it restarts a loader."""
    monkeypatch.setattr(
        'mmengine.runner.loops.time', SimpleNamespace(sleep=lambda seconds: None)
    )


def batches_of(sampler, epochs, batch_size, drop_last):
    """Expected batches of some epochs."""
    result = []
    for epoch in range(epochs):
        indices = sampler.epoch_indices(epoch).tolist()
        parts = [
            indices[i : i + batch_size] for i in range(0, len(indices), batch_size)
        ]
        result += parts[:-1] if drop_last else parts
    return result


@pytest.mark.parametrize(('drop_last', 'num_workers'), [(False, 0), (True, 2)])
def test_epochs_of_the_epoch_based_loop(tmp_path, drop_last, num_workers):
    _, recorder = train(
        tmp_path, sampler=FINITE, drop_last=drop_last, num_workers=num_workers
    )
    sampler = ClassAwareSampler(NumberedSamples(), 2, seed=0)
    assert recorder.batches == batches_of(sampler, 3, 4, drop_last)


def test_progressive_balance_moves_with_the_epochs(tmp_path):
    settings = dict(mode='progressive', num_epochs=2)
    _, recorder = train(
        tmp_path, sampler=dict(type='mmgala.ClassBalancedSampler', **settings)
    )
    sampler = ClassBalancedSampler(NumberedSamples(), **settings, seed=0)
    assert recorder.batches == batches_of(sampler, 3, 4, drop_last=False)


@pytest.mark.parametrize('drop_last', [False, True])
def test_finite_sampler_under_the_iteration_based_loop(tmp_path, drop_last):
    _, recorder = train(
        tmp_path, sampler=FINITE, train_cfg=BY_ITER, drop_last=drop_last
    )
    sampler = ClassAwareSampler(NumberedSamples(), 2, seed=0)
    assert recorder.batches == batches_of(sampler, 3, 4, drop_last)[:14]


def test_infinite_sampler_under_the_iteration_based_loop(tmp_path):
    _, recorder = train(tmp_path, sampler=INFINITE, train_cfg=BY_ITER)
    sampler = ClassBalancedSampler(NumberedSamples(), 'class', seed=0, infinite=True)
    expected = list(islice(sampler, 56))
    assert recorder.batches == [expected[i : i + 4] for i in range(0, 56, 4)]


@pytest.mark.parametrize(
    ('sampler', 'num_workers', 'interrupt_after'),
    [
        (FINITE, 0, 3),
        (FINITE, 0, 6),  # at the end of an epoch
        (FINITE, 2, 8),
        (INFINITE, 0, 6),
        (INFINITE, 2, 8),
    ],
    ids=['finite', 'finite, end', 'finite, workers', 'infinite', 'infinite, workers'],
)
def test_iteration_based_training_resumes_exactly(
    tmp_path, sampler, interrupt_after, num_workers
):
    options = dict(sampler=sampler, train_cfg=BY_ITER, num_workers=num_workers)
    whole, expected = train(tmp_path / 'whole', **options)
    _, first = train(tmp_path / 'parts', interrupt_after, **options)
    last, second = train(tmp_path / 'parts', resume=True, **options)

    assert first.batches + second.batches == expected.batches
    assert weights(last) == weights(whole)
    if num_workers == 0:  # batches of earlier steps are not loaded again
        loaded = last.train_dataloader.dataset.loaded
        assert loaded == [index for batch in second.batches for index in batch]
