"""Class counts of any training set reach every loss that needs them."""

import pytest
from mmengine.runner import Runner
from torch import nn
from torch.testing import assert_close

from mmgala.engine.hooks.added_counts_hook import AddedCountsHook
from mmgala.models import BalancedSoftmaxLoss, LDAMLoss
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.small_training import small_config, train

pytestmark = pytest.mark.slow

LOSS = dict(type='mmgala.BalancedSoftmaxLoss')
DIGITS = dict(
    type='mmgala.LongTailedDataset',
    imbalance_factor=10,
    max_count=20,
    dataset=dict(
        type='mmgala.DigitsDataset', split='train', pipeline=[dict(type='PackInputs')]
    ),
)
COUNTS = [int(20 * 10 ** (-c / 9)) for c in range(10)]
FEW = {**DIGITS, 'imbalance_factor': 1, 'max_count': 2}
# MMEngine concatenates data sets only if metainfo is equal, except for given keys.
JOIN = dict(type='ConcatDataset', ignore_keys='class_counts')
# Data sets, and the number of samples of each class in an epoch.
DATASETS = dict(
    repeated=(
        dict(type='RepeatDataset', times=2, dataset=DIGITS),
        [2 * n for n in COUNTS],
    ),
    joined=(dict(**JOIN, datasets=[DIGITS, FEW]), [n + 2 for n in COUNTS]),
    repeated_and_joined=(
        dict(
            **JOIN, datasets=[dict(type='RepeatDataset', times=3, dataset=DIGITS), FEW]
        ),
        [3 * n + 2 for n in COUNTS],
    ),
)


def config(work_dir, dataset=DIGITS, loss=LOSS, **options):
    cfg = small_config(
        work_dir, train_cfg__val_interval=5, model__head__loss=loss, **options
    )
    cfg.train_dataloader.dataset = dataset
    return cfg


@pytest.mark.parametrize(('dataset', 'counts'), DATASETS.values(), ids=DATASETS)
def test_a_loss_trains_with_the_draws_of_its_data_set(tmp_path, dataset, counts):
    runner, path = train(config(tmp_path, dataset))

    loss = runner.model.head.loss_module
    assert loss.class_counts.tolist() == counts
    assert_close(loss.log_prior, BalancedSoftmaxLoss(10, counts).log_prior)
    meta = read_checkpoint(path)['meta']
    assert meta['class_draws'] == counts
    assert meta['class_counts'] == COUNTS  # the images of FEW are in DIGITS, too


def test_a_loss_gets_the_counts_wherever_it_is_in_the_model(tmp_path):
    runner = Runner.from_cfg(config(tmp_path))
    hidden = nn.Sequential(nn.Identity(), nn.ModuleDict({'b': LDAMLoss(10)}))
    runner.model.neck.add_module('hidden', hidden)

    runner.train()

    for loss in (hidden[1]['b'], runner.model.head.loss_module):
        assert loss.class_counts.tolist() == COUNTS


def test_weights_of_another_training_do_not_bring_its_counts(tmp_path):
    _, path = train(config(tmp_path / 'first', FEW))
    cfg = config(tmp_path / 'second', load_from=str(path))
    cfg.custom_hooks = []
    runner = Runner.from_cfg(cfg)
    runner.register_hook(AddedCountsHook())  # as `mmgala train` does

    runner.train()

    assert runner.model.head.loss_module.class_counts.tolist() == COUNTS


@pytest.mark.parametrize('kind', ['SeesawLoss', 'LDAMLoss'])
def test_a_test_restores_the_state_of_the_loss(tmp_path, kind):
    trained, path = train(config(tmp_path / 'train', loss=dict(type=f'mmgala.{kind}')))

    cfg = config(
        tmp_path / 'test', loss=dict(type=f'mmgala.{kind}'), load_from=str(path)
    )
    tested = Runner.from_cfg(cfg)
    tested.test()

    expected = dict(trained.model.head.loss_module.named_buffers())
    assert all(buffer.any() for buffer in expected.values())
    restored = dict(tested.model.head.loss_module.named_buffers())
    assert_close(restored, expected, rtol=0, atol=0)
