"""Images of a report's samples, from the test data of a run's config."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mmgala.analysis.run_report import RunReport
from mmgala.apis.sample_images import add_sample_images
from mmgala.datasets import DigitsDataset
from mmgala.functional import ShotThresholds

DIGITS = """
default_scope = 'mmpretrain'
test_dataloader = dict(
    batch_size=5,
    num_workers=0,
    dataset=dict(type='mmgala.DigitsDataset', split='test', pipeline=[]),
)
"""
FOLDER = """
test_dataloader = dict(
    batch_size=5,
    num_workers=2,
    persistent_workers=True,
    dataset=dict(
        type='mmpretrain.ImageNet', data_root={root!r}, split='', classes=['a', 'b'],
        pipeline=[dict(type='mmpretrain.LoadImageFromFile')],
    ),
)
default_scope = 'mmpretrain'
"""


def run_in(folder, targets, **fields):
    return RunReport(
        'CE', str(folder), [3, 2], ShotThresholds(), targets=np.array(targets), **fields
    )


def added(run, rows, **kwargs):
    report = {'samples': {'rows': rows}}
    add_sample_images(report, [run], **kwargs)
    return report['images'], report['image_note']


def pixels(address):
    image = Image.open(io.BytesIO(base64.b64decode(address.split(',')[1])))
    return np.asarray(image.convert('RGB'))


@pytest.fixture
def digits(tmp_path):
    (tmp_path / 'c.py').write_text(DIGITS)
    return tmp_path, DigitsDataset('test')


def test_images_are_the_samples_of_the_rows(digits):
    folder, data = digits
    images, note = added(run_in(folder, data.get_gt_labels()), [3, 77, 499])
    assert note == ''
    for row, address in zip([3, 77, 499], images, strict=True):
        np.testing.assert_array_equal(pixels(address), data.get_data_info(row)['img'])


def test_no_images_are_read_if_they_are_not_wanted(digits):
    folder, data = digits
    (folder / 'c.py').write_text('raise SystemExit("the config was executed")')
    run = run_in(folder, data.get_gt_labels())
    images, note = added(run, [3], wanted=False)
    assert images is None
    assert '--images' in note


def test_other_labels_are_noticed(digits):
    folder, data = digits
    images, note = added(run_in(folder, data.get_gt_labels()[::-1]), [3])
    assert images is None
    assert 'predictions.npz' in note
    assert '\n' not in note


@pytest.fixture
def files(tmp_path):
    """A folder with two classes of two images, and a config that names it."""
    for number, name in enumerate(('a', 'b')):
        (tmp_path / 'data' / name).mkdir(parents=True)
        for k in range(2):
            colour = (60 * number, 60 * k, 9)
            path = tmp_path / 'data' / name / f'{k}.png'
            Image.new('RGB', (8, 8), colour).save(path)
    (tmp_path / 'run').mkdir()
    config = FOLDER.format(root=str(tmp_path / 'data'))
    (tmp_path / 'run' / 'c.py').write_text(config)
    return tmp_path


def test_image_files_have_their_colours(files):
    images, note = added(run_in(files / 'run', [0, 0, 1, 1]), [1, 2])
    assert note == ''
    assert [tuple(pixels(i)[0, 0]) for i in images] == [(0, 60, 9), (60, 0, 9)]


def test_renamed_files_are_noticed(files):
    paths = ['x/a/0.png', 'x/a/1.png', 'x/b/0.png', 'x/b/1.png']
    run = run_in(files / 'run', [0, 0, 1, 1], paths=paths)
    assert added(run, [1, 2])[1] == ''
    (files / 'data' / 'b' / '0.png').rename(files / 'data' / 'b' / '01.png')
    images, note = added(run, [1, 2])
    assert images is None
    assert 'x/b/0.png' in note


def test_missing_data_give_one_line_and_no_error(files):
    run = run_in(files / 'run', [0, 0, 1, 1])
    (files / 'data').rename(files / 'elsewhere')
    images, note = added(run, [1])
    assert images is None
    assert str(files / 'data') in note
    assert '\n' not in note


def test_a_broken_image_is_left_out_and_counted(files):
    (files / 'data' / 'a' / '1.png').write_bytes(b'broken')
    images, note = added(run_in(files / 'run', [0, 0, 1, 1]), [1, 2])
    assert images[0] is None
    assert images[1].startswith('data:image/png')
    assert '1 of 2' in note


def test_a_folder_without_config_says_so(tmp_path):
    images, note = added(run_in(tmp_path, [0, 1]), [1])
    assert images is None
    assert str(tmp_path) in note
    assert 'config' in note
