"""The command that makes the collages, as a user runs it."""

import json
import sys

import pytest

from projects.collage_lvis.make_set import main
from tests.preparation.tiny_fashion_mnist import tiny_fashion_mnist
from tests.tools.command_line import assert_one_line

SMALL = ('--max-images', 9, '--min-images', 1, '--per-class', 2)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('user')
    tiny_fashion_mnist(folder / 'data' / 'fashion_mnist')
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    """Runs the command in ``folder``; gives its error message, or None."""

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['make_set.py', *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return end.code
        return None

    monkeypatch.chdir(folder)
    return run


def test_it_makes_a_set_where_the_configs_look(run, folder, capsys):
    assert run(*SMALL) is None
    out = folder / 'data' / 'collage_lvis'
    val = json.loads((out / 'annotations' / 'lvis_val.json').read_text())
    printed = capsys.readouterr().out
    assert f'val: {len(val["images"])} images, 60 instances' in printed
    assert 'rare: 30 classes, in 1 to 9 training images' in printed
    assert 'common: no class' in printed
    assert (out / 'overview.png').is_file()


def test_the_same_command_again_does_nothing(run, capsys):
    run(*SMALL, '--out', 'again')
    capsys.readouterr()
    assert run(*SMALL, '--out', 'again') is None
    assert 'exists already' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--fashion-mnist', 'none'), 'none/train-images.*mmgala prepare'),
        (('--per-class', 0), '--per-class must be 1 or more'),
        (('--max-images', 5000), 'Ask for fewer'),
    ],
)
def test_bad_input_ends_in_one_line(run, folder, arguments, message):
    assert_one_line(run(*arguments, '--out', 'new'), message)
    assert not (folder / 'new').exists()


def test_another_set_is_not_overwritten(run, folder):
    (folder / 'taken').mkdir(exist_ok=True)
    assert_one_line(
        run(*SMALL, '--out', 'taken'), 'taken already contains something else'
    )
