"""The on-device loop trains like the ordinary one, and can be interrupted."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmpretrain.engine import SwitchRecipeHook
from scipy.stats import ttest_ind

from mmgala.utils.checkpoint import read_checkpoint
from tests.datasets.on_device.sets import PACK, cifar_pipeline
from tests.engine.on_device_ranks import train_on_rank
from tests.engine.on_device_training import COUNT, train, weights

pytestmark = pytest.mark.slow

FLIP = dict(type='torchvision/RandomHorizontalFlip')
BALANCED = dict(type='mmgala.ClassBalancedSampler', mode='class')


@pytest.fixture(scope='module')
def recipe(repository):
    """Steps of CIFAR's pipeline."""
    return cifar_pipeline(repository)


def assert_equal_inputs(first, second):
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(drop_last=True),
        dict(batch_size=16, chunk_size=20, sampler=BALANCED),
        dict(num_batch_per_epoch=3),
        dict(collate_fn=dict(type='default_collate')),
        dict(hooks=[dict(type='mmgala.ClassCountsHook')]),
    ],
    ids=str,
)
def test_without_random_steps_training_equals_the_ordinary_loop(tmp_path, options):
    ordinary = {k: v for k, v in options.items() if k != 'chunk_size'}
    expected, by_loader = train(tmp_path / 'ordinary', False, **ordinary)
    runner, recorder = train(tmp_path / 'device', True, **options)

    for name in ('samples', 'labels', 'losses'):
        assert getattr(recorder, name) == getattr(by_loader, name), name
    assert_equal_inputs(recorder.inputs, by_loader.inputs)
    assert weights(runner) == weights(expected)
    assert (runner.epoch, runner.iter) == (expected.epoch, expected.iter)
    assert runner.max_iters == expected.max_iters == len(recorder.losses)
    assert len(runner.train_dataloader) == len(expected.train_dataloader)


def test_loss_curves_agree_with_the_recipe(tmp_path, recipe):
    def losses(on_device):
        courses = [
            train(tmp_path / f'{on_device}{seed}', on_device, recipe, 3, seed=seed)[1]
            for seed in range(8)
        ]
        return np.array([course.losses for course in courses]).reshape(8, 3, -1)

    ours, ordinary = losses(True).mean(axis=2), losses(False).mean(axis=2)

    # The mean loss of each epoch, in 8 trainings of either kind.
    assert (ttest_ind(ours, ordinary, equal_var=False).pvalue > 1e-3).all()
    assert ours[:, -1].mean() < ours[:, 0].mean() - 0.05


def test_augmentation_depends_on_epoch_and_seed(tmp_path, recipe):
    _, first = train(tmp_path / 'first', pipeline=recipe)
    _, again = train(tmp_path / 'again', pipeline=recipe)
    _, other = train(tmp_path / 'other', pipeline=recipe, seed=1)

    assert_equal_inputs(first.inputs, again.inputs)
    assert first.losses == again.losses
    views = [view.tobytes() for batch in first.inputs for view in batch]
    assert len(set(views)) == len(views) == 2 * COUNT
    others = {view.tobytes() for batch in other.inputs for view in batch}
    assert not others & set(views)


def test_global_random_state_does_not_matter(tmp_path, recipe):
    class Draws(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            np.random.random(), torch.rand(3)

    _, expected = train(tmp_path / 'one', pipeline=recipe)
    _, found = train(tmp_path / 'two', pipeline=recipe, hooks=[Draws()])
    assert_equal_inputs(found.inputs, expected.inputs)


@pytest.mark.parametrize(
    ('done', 'options'),
    [(1, dict()), (2, dict(drop_last=True, chunk_size=16))],
    ids=str,
)
def test_resumed_after_an_epoch_training_equals_an_uninterrupted_one(
    tmp_path, recipe, done, options
):
    options = dict(pipeline=recipe, **options)
    _, first = train(tmp_path / 'parts', epochs=done, **options)
    runner, second = train(tmp_path / 'parts', epochs=3, resume=True, **options)
    whole, expected = train(tmp_path / 'whole', epochs=3, **options)

    assert first.samples + second.samples == expected.samples
    assert_equal_inputs(first.inputs + second.inputs, expected.inputs)
    assert first.losses + second.losses == expected.losses
    assert weights(runner) == weights(whole)


@pytest.mark.parametrize(
    ('stop', 'seed', 'options'),
    [
        (3, 0, dict()),
        (9, 0, dict(drop_last=True)),
        (13, 0, dict(chunk_size=24)),
        (10, None, dict()),  # the checkpoint contains the seed
    ],
    ids=str,
)
def test_resumed_within_an_epoch_images_equal_those_without_interruption(
    tmp_path, recipe, stop, seed, options
):
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=stop)
    options.update(
        pipeline=recipe,
        hooks=[dict(type='mmgala.ResumeWithinEpochHook')],
        sampler=dict(type='mmgala.ClassBalancedSampler', mode='class'),
        default_hooks=dict(checkpoint=checkpoint),
    )
    folder = tmp_path / 'parts'
    runner, first = train(folder, interrupt_after=stop, seed=seed, **options)
    _, second = train(folder, resume=True, seed=seed, **options)
    _, expected = train(tmp_path / 'whole', seed=runner.seed, **options)

    assert first.samples + second.samples == expected.samples
    assert_equal_inputs(first.inputs + second.inputs, expected.inputs)
    if seed is not None:  # otherwise, the networks differ from the start
        assert first.losses + second.losses == expected.losses


def test_hooks_and_checkpoints(tmp_path, recipe):
    hooks = [dict(type='mmgala.ClassCountsHook')]
    runner, _ = train(tmp_path, pipeline=recipe, hooks=hooks, num_workers=2)
    meta = read_checkpoint(tmp_path / 'epoch_2.pth')['meta']
    assert meta['class_counts'] == [23, 14, 13]
    assert meta['dataset_meta']['classes'] == ('a', 'b', 'c')
    assert runner.train_dataloader._iterator is None  # no workers were started


def test_mixed_images(tmp_path, recipe):
    mixup = dict(augments=dict(type='Mixup', alpha=1.0))
    preprocessing = dict(num_classes=3, batch_augments=mixup)
    _, recorder = train(
        tmp_path, pipeline=recipe, preprocessing=preprocessing, epochs=3
    )
    assert len(recorder.losses) == 21
    assert np.isfinite(recorder.losses).all()


def test_another_pipeline_from_the_second_epoch_on(tmp_path):
    init_default_scope('mmpretrain')  # as a runner does before it builds its hooks
    switch = SwitchRecipeHook(
        [dict(action_epoch=2, train_pipeline=[dict(FLIP, p=1.0), PACK])]
    )
    runner, recorder = train(tmp_path, hooks=[switch])
    images = runner.train_dataloader.dataset.images.transpose(0, 3, 1, 2)
    for step, (samples, inputs) in enumerate(
        zip(recorder.samples, recorder.inputs, strict=True)
    ):
        plain = images[samples]
        expected = plain if step < 7 else plain[..., ::-1]
        np.testing.assert_array_equal(inputs, expected)


def test_ranks_share_the_images(tmp_path, recipe, rank_pool):
    options = dict(work_dir=str(tmp_path), pipeline=recipe)
    ranks = rank_pool.run(train_on_rank, 2, **options)

    for epoch in (0, 1):
        seen = [rank['samples'][epoch] for rank in ranks]
        assert len(seen[0]) == len(seen[1]) == COUNT // 2
        assert set(seen[0]) | set(seen[1]) == set(range(COUNT))
    assert ranks[0]['parameters'] == ranks[1]['parameters']
    # Each rank draws its own random numbers, so augmentations differ.
    assert not set(ranks[0]['views']) & set(ranks[1]['views'])


def test_wrong_options_are_refused(tmp_path):
    message = 'Expected `chunk_size` to be an integer of 1 or more, but got -5'
    with pytest.raises(ValueError, match=message):
        train(tmp_path, chunk_size=-5)
    message = 'Expected `collate_fn` .* default_collate, but got .*: train with the'
    with pytest.raises(ValueError, match=message):
        train(tmp_path, collate_fn=dict(type=list))


@pytest.mark.parametrize(
    'step',
    [
        dict(type='ColorJitter', brightness=0.1),
        dict(type='mmgala.TorchvisionAutoAugment'),
    ],
    ids=str,
)
def test_unknown_transforms_are_refused_before_training(tmp_path, step):
    message = (
        rf'got {step["type"].removeprefix("mmgala.")}\(.*: train with the ordinary'
    )
    with pytest.raises(ValueError, match=message) as error:
        train(tmp_path, pipeline=[step, PACK])
    assert '\n' not in str(error.value)
