"""Feature files are readable by NumPy, and other files are refused."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mmgala.retraining.features import FeatureFile, write_rows


def test_rows_of_a_file_are_those_of_numpy(tmp_path):
    array = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    write_rows(tmp_path / 'f.npy', array.shape, iter(np.array_split(array, 7)))
    file = FeatureFile(tmp_path / 'f.npy')

    assert_array_equal(np.load(tmp_path / 'f.npy', allow_pickle=False), array)
    assert_array_equal(file[slice(10, 20)], array[10:20])
    indices = np.array([40, 3, 3, 0])
    rows = file[indices]
    rows += 1  # a copy
    assert_array_equal(file[indices], array[indices])
    assert (len(file), file.shape) == (50, (50, 3))


@pytest.mark.parametrize(
    ('array', 'message'),
    [(np.zeros((2, 3)), 'float32 rows'), (np.zeros(3, np.float32), 'float32')],
)
def test_files_in_another_format_are_refused(tmp_path, array, message):
    np.save(tmp_path / 'f.npy', array)
    with pytest.raises(ValueError, match=message):
        FeatureFile(tmp_path / 'f.npy')


def test_a_file_that_is_truncated(tmp_path):
    path = tmp_path / 'f.npy'
    np.save(path, np.zeros((20, 3), np.float32))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match='truncated'):
        FeatureFile(path)


@pytest.mark.parametrize('rows', [4, 6])
def test_batches_that_do_not_add_up(tmp_path, rows):
    with pytest.raises(ValueError, match=f'Expected 5 samples, but got {rows}'):
        write_rows(tmp_path / 'f.npy', (5, 2), [np.zeros((rows, 2))])


def test_features_of_another_shape(tmp_path):
    with pytest.raises(ValueError, match=r'one feature of 2 values .* \(5, 7, 2\)'):
        write_rows(tmp_path / 'f.npy', (5, 2), [np.zeros((5, 7, 2))])
