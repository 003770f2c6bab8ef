"""Labels of all data sets of a runner mean the training classes."""

import pytest
import torch

from mmgala.datasets import dataset_labels
from mmgala.utils.checkpoint import read_checkpoint
from tests.datasets.class_folders import write_folders
from tests.engine.folder_training import folder_loader, folder_runner

pytestmark = pytest.mark.slow

NAMES = ('a0', 'a1', 'a2')
HOOKS = ['mmgala.ClassCountsHook', 'mmgala.ClassNamesHook']


@pytest.fixture
def folders(tmp_path):
    """Folders of a training set, and of one without the images of a class."""
    return dict(
        train=write_folders(tmp_path / 'train', dict(a0=4, a1=2, a2=4)),
        val=write_folders(tmp_path / 'val', dict(a0=2, a2=3)),
    )


def run(work_dir, folders, num_classes=3, **options):
    loaders = {split: folder_loader(root) for split, root in folders.items()}
    runner = folder_runner(work_dir, num_classes, **loaders, **options)
    runner.train()
    return runner


@pytest.mark.parametrize('hook', HOOKS)
def test_validation_and_test_sets_have_the_training_classes(tmp_path, folders, hook):
    folders['test'] = folders['val']

    runner = run(tmp_path / 'w', folders, custom_hooks=[dict(type=hook)])
    runner.test()

    for evaluator in (runner.val_evaluator, runner.test_evaluator):
        assert evaluator.metrics[0].targets.tolist() == [0, 0, 2, 2, 2]
        assert evaluator.metrics[0].dataset_meta['classes'] == NAMES


def trained_checkpoint(tmp_path, folders):
    run(tmp_path / 'w', folders)
    return tmp_path / 'w' / 'epoch_1.pth'


@pytest.mark.parametrize('hook', HOOKS)
def test_test_from_a_checkpoint_uses_its_names(tmp_path, folders, hook):
    path = trained_checkpoint(tmp_path, folders)
    assert read_checkpoint(path)['meta']['class_names'] == list(NAMES)

    runner = folder_runner(
        tmp_path / 't', 3, test=folder_loader(folders['val']), load_from=str(path),
        custom_hooks=[dict(type=hook)],
    )  # fmt: skip
    runner.test()

    assert runner.test_evaluator.metrics[0].targets.tolist() == [0, 0, 2, 2, 2]


def test_checkpoints_without_names_keep_positions_and_say_so(tmp_path, folders):
    path = trained_checkpoint(tmp_path, folders)
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint['meta']['class_names'], checkpoint['meta']['dataset_meta']
    torch.save(checkpoint, path)

    runner = folder_runner(
        tmp_path / 't', 3, test=folder_loader(folders['val']), load_from=str(path)
    )
    runner.test()

    assert runner.test_evaluator.metrics[0].targets.tolist() == [0, 0, 1, 1, 1]
    (log,) = (tmp_path / 't').glob('*/*.log')
    assert 'does not name its classes' in log.read_text()


def test_unknown_classes_are_refused_before_the_first_step(tmp_path, folders):
    write_folders(tmp_path / 'val', dict(zebra=1))

    with pytest.raises(ValueError, match='zebra'):
        run(tmp_path / 'w', folders, epochs=3)

    assert not list((tmp_path / 'w').glob('*.pth'))


def test_hidden_and_empty_folders_are_no_classes(tmp_path, folders):
    """In training, validation and both: labels mean the folders with images."""
    for split in ('train', 'val'):
        write_folders(tmp_path / split, {'.ipynb_checkpoints': 0})

    runner = run(tmp_path / 'w', folders)

    labels = dataset_labels(runner.train_dataloader.dataset)
    assert labels.tolist() == [0] * 4 + [1] * 2 + [2] * 4
    assert runner.val_evaluator.metrics[0].targets.tolist() == [0, 0, 2, 2, 2]
    meta = read_checkpoint(tmp_path / 'w' / 'epoch_1.pth')['meta']
    assert meta['class_names'] == list(NAMES)
    assert meta['class_counts'] == [4, 2, 4]


def test_relabelled_training_sets_reach_class_balanced_samplers(tmp_path, folders):
    write_folders(tmp_path / 'train', {'.hidden': 0})
    loader = folder_loader(folders['train'])
    loader['sampler'] = dict(type='mmgala.ClassBalancedSampler', mode='sqrt')

    runner = folder_runner(tmp_path / 'w', 3, train=loader)
    runner.train()

    assert runner.train_dataloader.sampler.classes.counts.tolist() == [4, 2, 4]


def test_resumed_training_keeps_the_classes_of_the_checkpoint(tmp_path, folders):
    """A class folder that appeared meanwhile, without images, changes nothing."""
    path = trained_checkpoint(tmp_path, folders)
    for split in ('train', 'val'):
        write_folders(tmp_path / split, dict(a=0))

    runner = run(tmp_path / 'w', folders, epochs=2, resume=True, load_from=str(path))

    labels = dataset_labels(runner.train_dataloader.dataset)
    assert labels.tolist() == [0] * 4 + [1] * 2 + [2] * 4
    assert runner.epoch == 2


def test_resuming_on_other_classes_is_refused(tmp_path, folders):
    path = trained_checkpoint(tmp_path, folders)
    other = dict(train=write_folders(tmp_path / 'other', dict(b0=3, b1=3, b2=3)))

    with pytest.raises(ValueError, match='b0, b1, b2'):
        run(tmp_path / 'w', other, epochs=2, resume=True, load_from=str(path))


def test_weights_of_other_classes_can_be_trained_on(tmp_path, folders):
    path = trained_checkpoint(tmp_path, folders)
    other = dict(train=write_folders(tmp_path / 'other', dict(b0=3, b1=3, b2=3)))

    runner = run(tmp_path / 'w2', other, load_from=str(path))

    assert runner.train_dataloader.dataset.metainfo['classes'] == ('b0', 'b1', 'b2')


@pytest.mark.parametrize('width', [2, 1000])
def test_other_numbers_of_outputs_are_refused(tmp_path, folders, width):
    with pytest.raises(
        ValueError, match=rf'is {width}, .* 3 classes.*model.head.num_classes=3'
    ):
        run(tmp_path / 'w', folders, num_classes=width)
