"""Images that cannot be read are named, in tests and trainings."""

import json
import re

import cv2
import pytest

from mmgala.datasets import DigitsDataset
from tests.tools.command_line import assert_one_line, call


@pytest.fixture
def image_config(tmp_path, trained):
    """Config for digits in a folder per class, and the path of one image."""
    digits = DigitsDataset('test', test_per_class=4)
    for i in range(len(digits)):
        folder = tmp_path / 'images' / str(digits[i]['gt_label'])
        folder.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / f'{i}.png'), digits[i]['img'])
    config = tmp_path / 'folders.py'
    config.write_text(f"""
_base_ = '{trained.config}'
images = dict(
    _delete_=True,
    type='CustomDataset',
    data_root='{tmp_path / 'images'}',
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
)
train_dataloader = dict(dataset=images, num_workers=1, batch_size=8)
test_dataloader = dict(dataset=images, num_workers=0)
""")
    return config, sorted((tmp_path / 'images').glob('*/*.png'))[17]


def test_valid_images_are_accepted(tmp_path, trained, image_config):
    end = call('test', image_config[0], trained.checkpoint, '--rebalance', '--out',
               tmp_path / 'x.json', cwd=tmp_path)  # fmt: skip

    assert end is None
    assert json.loads((tmp_path / 'x.json').read_text())['accuracy/top1'] > 30


BROKEN = {
    'empty': lambda content: b'',
    'garbage': lambda content: b'<html>404 not found</html>',
    'truncated': lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize('damage', BROKEN)
def test_unreadable_image_in_a_test_is_named(tmp_path, trained, image_config, damage):
    config, image = image_config
    image.write_bytes(BROKEN[damage](image.read_bytes()))

    end = call('test', config, trained.checkpoint, cwd=tmp_path)

    assert_one_line(end, re.escape(str(image)))


def test_unreadable_image_in_a_training_with_a_loader_worker_is_named(
    tmp_path, image_config
):
    config, image = image_config
    image.write_bytes(b'')

    end = call('train', config, '--work-dir', 'work', cwd=tmp_path)

    assert_one_line(end, re.escape(str(image)))
