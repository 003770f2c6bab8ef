"""Suggestions for what was probably meant."""

import pytest

from mmgala.apis.launch import load_config
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.similar import similar_path


def test_a_similar_path_is_named(tmp_path):
    (tmp_path / 'epoch_40.pth').touch()

    assert similar_path(tmp_path / 'epoch_4.pth').endswith(f'{tmp_path}/epoch_40.pth?')
    assert similar_path(tmp_path / 'nothing') == ''
    missing = tmp_path / 'work' / 'epoch_40.pth'
    assert similar_path(missing) == f' There is no folder {missing.parent} either.'


def test_a_similar_checkpoint_is_named(tmp_path):
    (tmp_path / 'epoch_40.pth').touch()

    with pytest.raises(FileNotFoundError, match=r'Did you mean .*/epoch_40\.pth\?'):
        read_checkpoint(tmp_path / 'epoch_4.pth')


@pytest.mark.parametrize('prefix', ['', 'configs/', 'mmgala::'])
def test_a_similar_config_is_named(tmp_path, monkeypatch, prefix):
    monkeypatch.chdir(tmp_path)
    given = f'{prefix}gala/resnet14_digitslt.py'

    with pytest.raises(FileNotFoundError, match='gala/resnet14_digits-lt.py') as error:
        load_config(given)
    assert str(error.value).startswith(f'Config {given} does not exist. Did you mean ')
