"""Configs of the package are found by name, from any folder."""

import pytest

from mmgala.apis.launch import load_config
from mmgala.utils import package_configs
from mmgala.utils.package_configs import VARIABLE, find_config
from tests.tools.command_line import ROOT

NAME = 'gala/resnet14_digits-lt.py'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize('given', [NAME, f'configs/{NAME}', f'mmgala::{NAME}'])
def test_a_name_means_the_config_of_the_package(given, tmp_path):
    assert (ROOT / 'configs' / NAME).samefile(find_config(given))


def test_a_file_goes_before_a_name_unless_the_package_is_meant(tmp_path):
    own = tmp_path / NAME
    own.parent.mkdir()
    own.touch()

    assert find_config(NAME) == NAME
    assert (ROOT / 'configs' / NAME).samefile(find_config(f'mmgala::{NAME}'))


@pytest.mark.parametrize('given', ['gala/nothing.py', 'gala', '/gala/x.py', ''])
def test_anything_else_stays_as_it_is(given):
    assert find_config(given) == given


def test_an_installed_package_has_its_own_folder(tmp_path, monkeypatch):
    folder = tmp_path / '.mim' / 'configs'
    (folder / 'gala').mkdir(parents=True)
    (folder / NAME).touch()
    folders = (str(folder), *package_configs.FOLDERS)
    monkeypatch.setattr(package_configs, 'FOLDERS', folders)

    assert find_config(NAME) == str(folder / NAME)


def test_a_config_inherits_one_of_the_package(tmp_path):
    own = tmp_path / 'own.py'
    own.write_text(
        f"_base_ = '{{{{${VARIABLE}:}}}}/{NAME}'\ntrain_cfg = dict(max_epochs=1)\n"
    )

    cfg = load_config(str(own))

    assert cfg.model.head.type == 'mmgala.GALAHead'
    assert cfg.train_cfg.max_epochs == 1


def test_the_form_that_mmengine_refuses_is_explained(tmp_path):
    own = tmp_path / 'own.py'
    own.write_text(f"_base_ = 'mmgala::{NAME}'\n")

    with pytest.raises(ValueError, match=rf'own\.py.*{VARIABLE}'):
        load_config(str(own))
