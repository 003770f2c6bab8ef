"""Files with one number per class, given on the command line."""

import json

import numpy as np
import pytest

from mmgala.cli.class_values import read_class_vector

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


CLASSES = ['owl', 'jay', 'caf\u00e9']
NAMED = {
    'object.json': '{"jay": 0.25, "owl": 0.5, "cafe\u0301": 0.25}',
    'table.csv': 'jay,0.25\nowl,0.5\ncaf\u00e9,0.25\n',
    'titled.csv': 'class,share\njay,0.25\nowl,0.5\ncaf\u00e9,0.25\n',
    'table.txt': '# shares, of the test set\n"jay", 0.25\n"owl",0.5\ncaf\u00e9,0.25',
}


@pytest.mark.parametrize('name', NAMED)
def test_values_by_name_are_in_the_order_of_the_classes(tmp_path, name):
    path = tmp_path / name
    path.write_text(NAMED[name])

    assert read_class_vector(str(path), CLASSES) == [0.5, 0.25, 0.25]


def test_numbers_are_names_too(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text('{"10": 0.7, "2": 0.3}')

    assert read_class_vector(str(path), ['2', '10']) == [0.3, 0.7]


IN_TEXT_ORDER = ['0', '1', '10', '2']


@pytest.mark.parametrize('name', ['prior.json', 'prior.txt', 'prior.npy'])
def test_a_list_for_numbers_in_text_order_is_refused(tmp_path, name):
    path = tmp_path / name
    if name.endswith('.npy'):
        np.save(path, np.array([0.1, 0.1, 0.1, 0.7]))
    else:
        path.write_text('[0.1, 0.1, 0.1, 0.7]' if 'json' in name else '.1 .1 .1 .7')

    with pytest.raises(ValueError, match=rf"{name}.*Value 2.*class '10'.*CLASS,VALUE"):
        read_class_vector(str(path), IN_TEXT_ORDER)


def test_names_say_what_numbers_in_text_order_mean(tmp_path):
    path = tmp_path / 'prior.csv'
    path.write_text('0,0.1\n1,0.1\n2,0.1\n10,0.7\n')

    assert read_class_vector(str(path), IN_TEXT_ORDER) == [0.1, 0.1, 0.7, 0.1]


@pytest.mark.parametrize('classes', [['0', '1', '2', '10'], ['10', '2', 'b', 'a']])
def test_a_list_for_other_classes_is_in_their_order(tmp_path, classes):
    path = tmp_path / 'prior.txt'
    path.write_text('.1 .1 .1 .7')

    assert read_class_vector(str(path), classes) == [0.1, 0.1, 0.1, 0.7]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"owl": 1, "jay": 2}', r'1 class names are missing: caf'),
        (
            '{"owl": 1, "jay": 2, "caf\u00e9": 3, "emu": 4}',
            r'unknown: emu\..*one value',
        ),
        ('{"owl": 1, "jay": 2, "caf\u00e9": 3, "owl": 4}', r"'owl' occurs twice"),
        ('{"owl": "x", "jay": 2, "caf\u00e9": 3}', r"number for class 'owl', not 'x'"),
        ('{"owl": [1], "jay": 2, "caf\u00e9": 3}', r"number for class 'owl'"),
    ],
)
def test_bad_names_and_values(tmp_path, text, message):
    path = tmp_path / 'x.json'
    path.write_text(text)

    with pytest.raises(ValueError, match=message):
        read_class_vector(str(path), CLASSES)


@pytest.mark.parametrize('name', ['object.json', 'table.csv'])
def test_names_need_the_names_of_the_training(tmp_path, name):
    path = tmp_path / name
    path.write_text(NAMED[name])

    with pytest.raises(ValueError, match=f'{name} names classes, but.*give a list'):
        read_class_vector(str(path))


@pytest.mark.parametrize('text', ['a,1\nb,2,3\n', '"a,1\n'])
def test_damaged_tables(tmp_path, text):
    path = tmp_path / 'x.csv'
    path.write_text(text)

    with pytest.raises(ValueError, match='does not contain one number per class'):
        read_class_vector(str(path), CLASSES)
