"""Configs that cannot be read: the message names the file, the line and the cause."""

import pytest

from mmgala.apis.launch import load_config

WRONG = {
    'model = dict(\ntrain_cfg = 3\n': 'config.py is not valid Python, line',
    'model = dict(type=GALAHead)\n': "in line 1: NameError: name 'GALAHead'",
    "\nraise RuntimeError('as I say')\n": 'in line 2: RuntimeError: as I say',
    'import sys\nsys.exit(0)\n': 'line 2, by sys.exit',
    "_base_ = 'config.py'\n": '_base_ leads back to itself',
    "_base_ = 'nowhere.py'\n": 'nowhere.py',
    '_base_ = 3\n': '_base_',
    "a = '\xfc'\n".encode('latin-1'): 'not a text file in UTF-8',
}


@pytest.mark.parametrize(('text', 'message'), WRONG.items())
def test_the_file_and_the_cause_are_named(tmp_path, text, message):
    path = tmp_path / 'config.py'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ValueError, match='config.py') as end:
        load_config(str(path))

    assert message in str(end.value)
    assert '\n' not in str(end.value)


@pytest.mark.parametrize('name', ['list.json', 'list.yaml'])
def test_data_must_have_sections(tmp_path, name):
    (tmp_path / name).write_text('[1, 2]')

    with pytest.raises(ValueError, match=f'{name} must be a mapping of sections'):
        load_config(str(tmp_path / name))


def test_an_error_in_a_base_names_both_files(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\nb = 1 / 0\n')
    (tmp_path / 'top.py').write_text("_base_ = 'base.py'\n")

    with pytest.raises(ValueError, match=r'base\.py .*top\.py.* line 2: ZeroDivision'):
        load_config(str(tmp_path / 'top.py'))


def test_an_error_in_a_config_of_the_new_style_names_the_line(tmp_path):
    (tmp_path / 'new.py').write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n'
        '    from .nowhere import *\n'
    )

    with pytest.raises(ValueError, match=r'new\.py cannot be read: .*nowhere\.py'):
        load_config(str(tmp_path / 'new.py'))


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(IsADirectoryError, match='is a folder'):
        load_config(str(tmp_path))
