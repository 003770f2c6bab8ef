"""Files with one number per class, given on the command line."""

import json

import numpy as np
import pytest

from mmgala.cli.arguments import read_class_vector

VALUES = [0.5, 0.25, 0.25]


def write_npz_as_npy(path):
    with path.open('wb') as file:
        np.savez(file, VALUES)


@pytest.mark.parametrize(
    ('name', 'write'),
    [
        ('prior.json', lambda path: path.write_text(json.dumps(VALUES))),
        ('prior.npy', lambda path: np.save(path, np.array(VALUES, np.float32))),
        ('prior.txt', lambda path: path.write_text('0.5\n0.25\n0.25\n')),
        ('prior', lambda path: path.write_text('# shares\n0.5 0.25 2.5e-1')),
    ],
    ids=['json', 'npy', 'text', 'text in one line'],
)
def test_class_vector_of_every_format(tmp_path, name, write):
    write(tmp_path / name)

    assert read_class_vector(str(tmp_path / name)) == VALUES


@pytest.mark.parametrize(
    ('name', 'write'),
    [
        ('x.json', lambda path: path.write_text('{"a": 1}')),
        ('x.json', lambda path: path.write_text('[0.5, "many"]')),
        ('x.json', lambda path: path.write_text('[0.5,')),
        ('x.json', lambda path: path.write_text('[[0.5, 0.5]]')),
        ('x.json', lambda path: path.write_text('0.5')),
        ('x.txt', lambda path: path.write_text('cat 0.5\ndog 0.5\n')),
        ('x.txt', lambda path: path.write_text('0 0.5\n1 0.5\n')),
        ('x.txt', lambda path: path.write_bytes(b'\xff\xfe\x00')),
        ('x.npy', lambda path: path.write_bytes(b'')),
        ('x.npy', lambda path: path.write_text('0.5')),
        ('x.npy', lambda path: np.save(path, np.array([{}]), allow_pickle=True)),
        ('x.npy', lambda path: np.save(path, np.eye(2))),
        ('x.npy', write_npz_as_npy),
    ],
)
def test_other_content_is_no_class_vector(tmp_path, name, write):
    path = tmp_path / name
    write(path)

    with pytest.raises(
        ValueError, match=f'{name} does not contain one number per class'
    ):
        read_class_vector(str(path))


def test_missing_class_vector_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'prior\.txt does not exist'):
        read_class_vector(str(tmp_path / 'prior.txt'))
