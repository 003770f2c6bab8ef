"""What a training says about its data before the first step."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.engine.small_training import small_config, train

pytestmark = pytest.mark.slow

SIZES = dict(ant=12, bee=3)


@pytest.fixture
def folders(tmp_path):
    """Class folders of tiny images for training and validation."""
    for split in ('train', 'val'):
        for grey, (name, count) in enumerate(SIZES.items()):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(count):
                image = np.full((8, 8, 3), 90 * grey + index, dtype=np.uint8)
                path = tmp_path / split / name / f'{index}.png'
                assert cv2.imwrite(str(path), image)
    return tmp_path


def config(folders, **options):
    cfg = small_config(folders / 'work', **options)
    cfg.model.head.num_classes = 2
    cfg.data_preprocessor.num_classes = 2
    for split in ('train', 'val'):
        cfg[f'{split}_dataloader'].dataset = dict(
            type='CustomDataset',
            data_root=str(folders / split),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
        )
    cfg.train_dataloader.batch_size = 5
    return cfg


def log_text(folders):
    (path,) = Path(folders, 'work').glob('*/*.log')
    return path.read_text()


def test_the_table_is_in_the_log_file_once_and_before_the_first_step(folders):
    cfg = config(folders)
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset', times=4, dataset=cfg.train_dataloader.dataset
    )
    train(cfg)

    text = log_text(folders)
    assert text.count('What was counted') == 1
    assert text.index('What was counted') < text.index('Epoch(train)')
    rows = re.search(r'^training set.*?\n\n', text, re.MULTILINE | re.DOTALL)[0]
    assert [line.split() for line in rows.split('\n') if line] == [
        ['training', 'set', 'classes', 'images', 'draws'],
        ['-' * 16, '-' * 9, '-' * 8, '-' * 7],
        ['all', '2', '15', '60'],
        ['many:', 'over', '40', 'none', '0', '0'],
        ['medium:', '10', 'to', '40', '1', '12', '48'],
        ['few:', 'under', '10', '1', '3', '12'],
        ['largest:', 'ant', '1', '12', '48'],
        ['smallest:', 'bee', '1', '3', '12'],
    ]
    assert 'many: no classes' in text


def test_odd_data_are_remarked_on_once_and_before_the_first_step(folders):
    for split in ('train', 'val'):
        (folders / split / 'ant' / 'x.webp').touch()
    train(config(folders))

    text = log_text(folders)
    assert text.count('extensions=') == 2  # one of each folder
    assert text.rindex('extensions=') < text.index('Epoch(train)')


@pytest.mark.parametrize('path', ['ant/._0.png', '.ipynb_checkpoints/0.png'])
def test_hidden_images_of_the_validation_stop_before_the_first_step(folders, path):
    (folders / 'val' / path).parent.mkdir(exist_ok=True)
    (folders / 'val' / path).touch()

    with pytest.raises(ValueError, match=re.escape(path)):
        train(config(folders))
    assert 'Epoch(train)' not in log_text(folders)


@pytest.mark.parametrize(
    ('metric', 'empty'), [('accuracy/many', True), ('accuracy/few', False)]
)
def test_the_best_checkpoint_by_an_empty_group_is_refused(folders, metric, empty):
    cfg = config(folders, default_hooks__checkpoint__save_best=metric)
    if not empty:
        train(cfg)
        assert list(Path(folders, 'work').glob('best_accuracy_few*.pth'))
        return
    with pytest.raises(ValueError, match='accuracy/class_mean') as error:
        train(cfg)
    assert "default_hooks.checkpoint.save_best='accuracy/many'" in str(error.value)
    assert 'many > 40' in str(error.value)
    assert 'Epoch(train)' not in log_text(folders)
