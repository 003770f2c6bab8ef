"""Collages are made whole or not at all, and bad input is refused."""

import numpy as np
import pytest
from filelock import FileLock

from projects.collage_lvis import collage_set
from projects.collage_lvis.collage_set import make_collage_set
from projects.collage_lvis.items import read_stock
from projects.collage_lvis.planning import CollageSettings
from tests.preparation.tiny_fashion_mnist import tiny_fashion_mnist, write_idx
from tests.projects.collage_lvis.small_set import SMALL, contents


def test_a_set_that_is_there_is_left_alone(root, fashion_mnist):
    before = contents(root)
    assert not make_collage_set(fashion_mnist, root, SMALL)
    assert contents(root) == before


def test_a_set_of_other_settings_is_not_mixed_into(root, fashion_mnist):
    with pytest.raises(FileExistsError, match='other settings.*--out'):
        make_collage_set(fashion_mnist, root, CollageSettings(seed=9))


def test_other_folders_are_not_touched(fashion_mnist, tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='something else'):
        make_collage_set(fashion_mnist, tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_a_failed_run_leaves_nothing(fashion_mnist, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError('disk full')

    monkeypatch.setattr(collage_set, 'draw_overview', fail)
    with pytest.raises(OSError, match='disk full'):
        make_collage_set(fashion_mnist, tmp_path / 'set', SMALL)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(fashion_mnist, root, tmp_path):
    left = tmp_path / '.set.abc.partial' / 'set' / 'train'
    left.mkdir(parents=True)
    (left / '999999.png').write_text('half')
    make_collage_set(fashion_mnist, tmp_path / 'set', SMALL)
    assert contents(tmp_path / 'set') == contents(root)
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_two_processes_do_not_make_the_same_set(fashion_mnist, tmp_path):
    with (
        FileLock(tmp_path / '.set.lock'),
        pytest.raises(BlockingIOError, match='Another process'),
    ):
        make_collage_set(fashion_mnist, tmp_path / 'set', SMALL)


def test_missing_fashion_mnist_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='mmgala prepare fashion-mnist'):
        make_collage_set(tmp_path / 'none', tmp_path / 'set', SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named(fashion_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(collage_set.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='pip install pycocotools'):
        make_collage_set(fashion_mnist, tmp_path / 'set', SMALL)


@pytest.mark.parametrize('content', [b'', b'no idx', bytes([0, 0, 8, 3] + [0] * 50)])
def test_damaged_files_are_named(tmp_path, content):
    folder = tiny_fashion_mnist(tmp_path / 'set', per_kind=2)
    (folder / 'train-images-idx3-ubyte').write_bytes(content)
    with pytest.raises(ValueError, match='Fashion-MNIST'):
        read_stock(folder, 'train', seed=0)


def test_other_files_of_the_format_are_refused(tmp_path):
    folder = tiny_fashion_mnist(tmp_path / 'set', per_kind=2)
    write_idx(folder / 'train-labels-idx1-ubyte', np.zeros(3))
    with pytest.raises(ValueError, match=r'not those of Fashion-MNIST.*\(3,\)'):
        read_stock(folder, 'train', seed=0)


def test_too_few_items_are_counted(fashion_mnist, tmp_path):
    many = CollageSettings(max_images=200, per_class=2)
    with pytest.raises(ValueError, match=r'need \d+ different items .* have 60'):
        make_collage_set(fashion_mnist, tmp_path / 'set', many)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(seed=-1), '--seed must be 0 or more'),
        (dict(max_images=0), '--max-images must be 1 or more'),
        (dict(min_images=0), '--min-images must be 1 or more'),
        (dict(per_class=0), '--per-class must be 1 or more'),
        (dict(max_images=2), r'--min-images \(3\) must not be above --max-images'),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        CollageSettings(**settings)
