"""NumPy files are read like NumPy does, and their headers are not believed."""

import io
import zipfile

import numpy as np
import pytest

from benchmarks.reliability.bombs import write_bomb
from mmgala.utils.arrays import UNREADABLE, read_npy, read_npz

ARRAYS = {
    'scores': np.arange(6, dtype=np.float32).reshape(2, 3),
    'turned': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    'names': np.array(['a', 'bc', 'ü']),
    'number': np.array(3),
    'empty': np.zeros((0, 4), np.int64),
    'flags': np.array([True, False]),
}


def huge_header():
    """An ``.npy`` file whose header promises 8 terabytes."""
    file = io.BytesIO()
    header = {'descr': '<f8', 'fortran_order': False, 'shape': (10**12,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(80)


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_npz_files_are_read_as_by_numpy(tmp_path, save):
    save(tmp_path / 'x.npz', **ARRAYS)
    found = read_npz(tmp_path / 'x.npz')
    assert list(found) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == expected.dtype
    assert list(read_npz(tmp_path / 'x.npz', ['number', 'other'])) == ['number']


@pytest.mark.parametrize('name', ARRAYS)
def test_npy_files_are_read_as_by_numpy(tmp_path, name):
    np.save(tmp_path / 'x.npy', ARRAYS[name])
    found = read_npy(tmp_path / 'x.npy')
    np.testing.assert_array_equal(found, ARRAYS[name])
    assert found.dtype == ARRAYS[name].dtype


def test_missing_arrays_are_named(tmp_path):
    np.savez(tmp_path / 'x.npz', a=np.zeros(2))
    with pytest.raises(ValueError, match=r"lacks b and has only \['a'\]"):
        read_npz(tmp_path / 'x.npz', ['a'], required=['a', 'b'])


def test_headers_that_promise_terabytes_are_refused(tmp_path):
    (tmp_path / 'x.npy').write_bytes(huge_header())
    with zipfile.ZipFile(tmp_path / 'x.npz', 'w') as archive:
        archive.writestr('a.npy', huge_header())
    message = 'promises 8,000,000,000,000 bytes, but there are 80'
    with pytest.raises(ValueError, match=message):
        read_npy(tmp_path / 'x.npy')
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / 'x.npz')


def test_members_that_are_not_arrays_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / 'x.npz', 'w') as archive:
        archive.writestr('a.npy', b'no array')
    with pytest.raises(ValueError, match='magic'):
        read_npz(tmp_path / 'x.npz')


@pytest.mark.parametrize(('kind', 'read'), [('npy', read_npy), ('npz', read_npz)])
def test_pickled_objects_are_refused_and_run_nothing(tmp_path, kind, read):
    path, victim = write_bomb(tmp_path, kind)
    with pytest.raises(ValueError, match='Object arrays cannot be loaded'):
        read(path)
    assert not victim.exists()


def test_other_files_are_told_apart(tmp_path):
    np.save(tmp_path / 'x.npy', np.zeros(2))
    (tmp_path / 'text').write_text('a text')
    with pytest.raises(ValueError, match='a single array, not an .npz file'):
        read_npz(tmp_path / 'x.npy')
    with pytest.raises(ValueError, match='it is not an .npz file'):
        read_npz(tmp_path / 'text')


@pytest.mark.parametrize('kept', [0, 3, 50, 150, 300])
def test_truncated_files_raise_what_is_announced(tmp_path, kept):
    np.savez(tmp_path / 'x.npz', **ARRAYS)
    content = (tmp_path / 'x.npz').read_bytes()
    (tmp_path / 'x.npz').write_bytes(content[:kept])
    with pytest.raises(UNREADABLE):
        read_npz(tmp_path / 'x.npz')
