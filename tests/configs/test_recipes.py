"""The recipes' optimizers, schedules, batches and samplers, as they are when built."""

import numpy as np
import pytest
import torch
from mmpretrain.models.utils.batch_augments import Mixup

from mmgala.datasets import official_class_counts
from mmgala.datasets.samplers import epoch_sampler
from mmgala.registry import DATA_SAMPLERS
from tests.configs.inspection import (
    learning_rates,
    resumed_learning_rates,
    scaled_learning_rate,
)
from tests.configs.recipe_table import CIFAR, NUM_BATCHES, STAGE1, STAGE2
from tests.datasets.samplers.chi_square import Labelled
from tests.miniatures import COUNTS

# A scheduler that is stepped without a step of the optimizer before warns.
pytestmark = pytest.mark.filterwarnings('ignore:Detected call of')


def assert_is(runner, training):
    """Compare a runner to what the table says."""
    optimizer = runner.optim_wrapper.optimizer
    assert type(optimizer) is torch.optim.SGD
    for group in optimizer.param_groups:
        assert group['momentum'] == 0.9
        assert group['weight_decay'] == training.weight_decay
        assert not group['nesterov']
    loader = runner.train_dataloader
    assert loader.batch_size * training.num_ranks == training.batch_size
    num_epochs = runner.train_loop.max_epochs
    assert num_epochs == len(training.learning_rates)
    found = learning_rates(runner, num_epochs)
    np.testing.assert_allclose(found, training.learning_rates, rtol=1e-9, atol=1e-12)


def test_cifar(cifar):
    assert_is(cifar, CIFAR)
    assert cifar.train_dataloader.drop_last


def test_representation(decoupled):
    assert_is(decoupled.stage1, STAGE1[decoupled.name])


def test_classifier(decoupled):
    assert_is(decoupled.stage2, STAGE2[decoupled.name])


def test_learning_rates_of_the_classifier_by_hand():
    """The authors' 10 epochs on ImageNet-LT, which take .54 in total, not .66."""
    found = STAGE2['resnext50_imagenet-lt'].learning_rates

    thousandths = (117.1, 108.5, 95.3, 78.5, 60.0, 41.5, 24.7, 11.5, 2.9, 0.0)
    np.testing.assert_allclose(1000 * np.array(found), thousandths, atol=0.05)
    assert sum(found) == pytest.approx(0.54)


def test_resuming_goes_on_with_the_learning_rates(decoupled):
    for runner, table in ((decoupled.stage1, STAGE1), (decoupled.stage2, STAGE2)):
        training = table[decoupled.name]

        found = resumed_learning_rates(runner, len(training.learning_rates))

        expected = training.learning_rates
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_classifier_skips_incomplete_batches(decoupled):
    size = sum(COUNTS)
    for runner, incomplete in ((decoupled.stage1, 1), (decoupled.stage2, 0)):
        loader = runner.train_dataloader
        assert size % loader.batch_size != 0
        assert len(loader) == size // loader.batch_size + incomplete


def test_batches_of_an_epoch_on_eight_gpus(decoupled, monkeypatch):
    monkeypatch.setattr(epoch_sampler, 'get_dist_info', lambda: (7, 8))
    size, num_batches = NUM_BATCHES[decoupled.name]
    data_name = decoupled.name.partition('_')[2]
    dataset = Labelled(official_class_counts(data_name))
    assert len(dataset) == size
    cfg = decoupled.stage2.cfg.train_dataloader

    sampler = DATA_SAMPLERS.build(dict(dataset=dataset, seed=0, **cfg.sampler))
    loader = torch.utils.data.DataLoader(
        dataset, cfg.batch_size, sampler=sampler, drop_last=cfg.drop_last
    )

    assert size // (8 * cfg.batch_size) == num_batches
    assert len(loader) == num_batches


@pytest.mark.parametrize('ranks', [1, 2, 4, 8])
def test_auto_scale_lr_in_each_stage(decoupled, ranks):
    for runner, table in ((decoupled.stage1, STAGE1), (decoupled.stage2, STAGE2)):
        training = table[decoupled.name]
        runner.auto_scale_lr['enable'] = True

        found = scaled_learning_rate(runner, ranks)

        assert found == pytest.approx(training.learning_rates[0] * ranks / 8)


@pytest.mark.parametrize('ranks', [1, 2])
def test_auto_scale_lr_of_cifar(cifar, ranks):
    cifar.auto_scale_lr['enable'] = True

    # The first epoch has half of the learning rate.
    assert scaled_learning_rate(cifar, ranks) == pytest.approx(0.05 * ranks)


def labels_in_order(runner, epoch):
    loader = runner.train_dataloader
    loader.sampler.set_epoch(epoch)
    indices = list(loader.sampler)
    return indices, loader.dataset.get_gt_labels()[indices]


def assert_each_image_once(runner):
    size = len(runner.train_dataloader.dataset)
    orders = [labels_in_order(runner, epoch)[0] for epoch in (0, 1)]
    for order in orders:
        assert sorted(order) == list(range(size))
        assert order != sorted(order)
    assert orders[0] != orders[1]


def test_cifar_takes_each_image_once_an_epoch(cifar):
    assert_each_image_once(cifar)


def test_representation_takes_each_image_once_an_epoch(decoupled):
    assert_each_image_once(decoupled.stage1)
    labels = decoupled.stage1.train_dataloader.dataset.get_gt_labels()
    assert np.bincount(labels).tolist() == list(COUNTS)


def test_classifier_takes_four_images_of_a_class_then_of_the_next(decoupled):
    indices, labels = labels_in_order(decoupled.stage2, epoch=0)

    assert len(indices) == sum(COUNTS)
    fours = labels[: len(labels) // 4 * 4].reshape(-1, 4)
    assert (fours == fours[:, :1]).all()
    classes = fours[: len(fours) // 6 * 6, 0].reshape(-1, 6)
    assert (np.sort(classes) == np.arange(6)).all()
    for label, count in enumerate(COUNTS):  # no image again before all were drawn
        drawn = np.array(indices)[labels == label]
        assert len(set(drawn[:count])) == min(count, len(drawn))
    assert labels_in_order(decoupled.stage2, epoch=1)[0] != indices


def test_mixup_in_the_representation_only(decoupled):
    (mixup,) = decoupled.stage1.model.data_preprocessor.batch_augments.augments

    assert type(mixup) is Mixup
    assert mixup.alpha == 0.2
    assert decoupled.stage2.model.data_preprocessor.batch_augments is None


def test_no_mixup_on_cifar(cifar):
    assert cifar.model.data_preprocessor.batch_augments is None
