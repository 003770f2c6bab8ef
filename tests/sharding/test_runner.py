"""MMEngine's runner trains shared-out classes as it trains all on one rank."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mmgala.apis.merge_shards import merge_shares
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.safe_loading import only_plain_data
from tests.sharding.runner_ranks import (
    BATCH,
    NUM_CLASSES,
    SAMPLES,
    Classifier,
    error_of,
    error_of_clipping,
    error_of_loading,
    error_without_wrapper,
    train,
    write_initial_weights,
)

WHOLE = dict(type='mmgala.GALAHead')
SHARED = dict(type='mmgala.GALAHead', shard_classes=True)
STEPS = SAMPLES // BATCH
SAM = dict(type='mmgala.SAMOptimWrapper', optimizer=dict(type='SGD', lr=0.1))


@pytest.fixture(scope='module')
def initial(tmp_path_factory):
    path = tmp_path_factory.mktemp('initial') / 'initial.pth'
    write_initial_weights(path)
    return str(path)


@pytest.fixture(scope='module')
def expected(rank_pool, initial, tmp_path_factory):
    """An unsharded training in one process."""
    folder = tmp_path_factory.mktemp('whole')
    return rank_pool.run(train, 1, work_dir=folder, head=WHOLE, load_from=initial)[0]


def check(ranks, expected, first_step=0):
    """Compare losses and the state of all ranks with one process."""
    for rank in ranks:
        assert_allclose(rank['losses'], expected['losses'][first_step:], atol=1e-5)
    for name, value in expected['state'].items():
        parts = [rank['state'][name] for rank in ranks]
        if name.startswith('head.'):
            parts = [np.concatenate(parts)]
        for part in parts:
            assert_allclose(part, value, atol=1e-5, err_msg=name)


@pytest.mark.parametrize('world_size', [1, 2, 4])
def test_a_training_equals_that_of_one_process(
    rank_pool, initial, expected, tmp_path, world_size
):
    ranks = rank_pool.run(
        train, world_size, work_dir=tmp_path, head=SHARED, load_from=initial
    )

    assert len(expected['losses']) == 2 * STEPS
    check(ranks, expected)


@pytest.mark.parametrize(('before', 'after'), [(4, 4), (4, 2), (2, 4), (4, 1)])
def test_a_killed_training_goes_on_with_any_number_of_ranks(
    rank_pool, initial, expected, tmp_path, before, after
):
    arguments = dict(work_dir=tmp_path, head=SHARED)
    rank_pool.run(train, before, crash_at=STEPS + 2, load_from=initial, **arguments)

    ranks = rank_pool.run(train, after, resume=True, **arguments)

    check(ranks, expected, first_step=STEPS)
    folders = list(tmp_path.glob('*.shards'))
    assert len(folders) == (after > 1)  # those of removed checkpoints are gone


def test_state_of_adam_is_resumed(rank_pool, initial, tmp_path):
    options = dict(head=SHARED, optimizer=dict(type='Adam', lr=0.02))
    whole = tmp_path / 'whole'
    expected = rank_pool.run(train, 4, work_dir=whole, load_from=initial, **options)

    options['work_dir'] = tmp_path / 'parts'
    rank_pool.run(train, 4, crash_at=STEPS + 2, load_from=initial, **options)
    resumed = rank_pool.run(train, 2, resume=True, **options)

    assert_allclose(resumed[0]['losses'], expected[0]['losses'][STEPS:], atol=1e-5)


@pytest.mark.parametrize(
    'clip_grad',
    [
        dict(max_norm=0.2),
        dict(max_norm=0.2, norm_type=1),
        dict(max_norm=0.02, norm_type=float('inf')),
        dict(type='value', clip_value=0.01),
    ],
    ids=str,
)
@pytest.mark.parametrize('world_size', [2, 4])
def test_gradients_are_clipped_as_in_one_process(
    rank_pool, initial, expected, tmp_path, world_size, clip_grad
):
    options = dict(load_from=initial, epochs=1)
    options['optim_wrapper'] = dict(
        optimizer=dict(type='SGD', lr=0.3, momentum=0.9), clip_grad=clip_grad
    )
    one, more = tmp_path / 'one', tmp_path / 'more'
    whole = rank_pool.run(train, 1, work_dir=one, head=WHOLE, **options)[0]
    ranks = rank_pool.run(train, world_size, work_dir=more, head=SHARED, **options)

    check(ranks, whole)
    free = np.array(expected['losses'][1:STEPS])  # the first step is before any update
    assert (np.abs(free - whole['losses'][1:]) > 1e-3).all()


def test_a_norm_that_is_not_finite_is_an_error_if_asked_for(rank_pool):
    errors = rank_pool.run(error_of_clipping, 2)
    for error in errors:
        assert 'all gradients is inf' in error
        assert 'error_if_nonfinite=False' in error


def test_bfloat16_trains_as_in_one_process(rank_pool, initial, tmp_path):
    wrapper = dict(type='mmgala.BFloat16OptimWrapper')
    options = dict(load_from=initial, epochs=1)
    options['optim_wrapper'] = dict(wrapper, optimizer=dict(type='SGD', lr=0.3))
    one, more = tmp_path / 'one', tmp_path / 'more'
    whole = rank_pool.run(train, 1, work_dir=one, head=WHOLE, **options)[0]
    ranks = rank_pool.run(train, 2, work_dir=more, head=SHARED, **options)

    # Bits of bfloat16: 8, of which sums of other order round the last.
    assert_allclose(ranks[0]['losses'], whole['losses'], rtol=2**-8)
    assert ranks[0]['losses'] == ranks[1]['losses']


def test_a_model_without_the_wrapper_is_refused(rank_pool):
    for error in rank_pool.run(error_without_wrapper, 2):
        assert 'would average' in error
        assert "model_wrapper_cfg=dict(type='mmgala.ClassShardsDataParallel')" in error


def test_half_as_many_classes_are_not_taken_for_a_share(rank_pool):
    errors = rank_pool.run(error_of_loading, 2, stored=4, num_classes=8)
    for error in errors:
        assert 'size mismatch for fc.weight' in error
        assert '(4, 6)' in error
        assert '(8, 6)' in error


def test_shares_become_one_file_for_any_head(rank_pool, initial, expected, tmp_path):
    rank_pool.run(train, 4, work_dir=tmp_path, head=SHARED, load_from=initial)

    with only_plain_data():  # as the tools do
        merge_shares(tmp_path / 'epoch_2.pth', tmp_path / 'one.pth')

    stored = read_checkpoint(tmp_path / 'one.pth')['state_dict']
    model = Classifier(dict(num_classes=NUM_CLASSES, **WHOLE))
    model.load_state_dict(stored)
    for name, value in model.state_dict().items():
        assert_allclose(value, expected['state'][name], atol=1e-5)
    with pytest.raises(ValueError, match='has no shares'):
        merge_shares(tmp_path / 'one.pth', tmp_path / 'two.pth')
    parts = read_checkpoint(tmp_path / 'epoch_2.pth')['state_dict']
    with pytest.raises(ValueError, match=r'folder .shards.*mmgala merge'):
        model.load_state_dict(parts)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(own_hooks=[]), r"add custom_hooks=.*mmgala.ClassShardsHook"),
        (dict(hooks=[dict(type='EMAHook')]), 'remove EMAHook'),
        (dict(optim_wrapper=SAM), "SAMOptimWrapper .*set .* to 'OptimWrapper'"),
        (dict(optimizer=dict(type='mmpretrain.LARS', lr=0.1)), 'LARS .*SGD or AdamW'),
    ],
    ids=['hook', 'average', 'sharpness', 'norm of weights'],
)  # fmt: skip
def test_what_would_go_wrong_is_refused(rank_pool, tmp_path, options, message):
    for error in rank_pool.run(error_of, 2, work_dir=tmp_path, head=SHARED, **options):
        assert error.startswith('ValueError: ')
        assert '\n' not in error
        assert re.search(message, error), error


def test_shares_of_another_class_order_are_refused(rank_pool, tmp_path):
    options = dict(work_dir=tmp_path, head=SHARED, epochs=1)
    rank_pool.run(train, 2, **options)

    options['epochs'] = 2
    errors = rank_pool.run(error_of, 2, names='abced', resume=True, **options)

    for error in errors:
        assert error.startswith('ValueError: The loaded shares are of other classes')
        assert "'a' to 'd'" in error
        assert 'ClassNamesHook' in error


def test_a_loss_that_is_not_a_bias_is_refused(rank_pool, tmp_path):
    head = dict(loss=dict(type='mmgala.SeesawLoss'), **SHARED)
    (error,) = rank_pool.run(error_of, 1, work_dir=tmp_path, head=head)
    assert 'SeesawLoss is not cross-entropy on shifted logits' in error
