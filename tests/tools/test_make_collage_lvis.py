"""tools/make_collage_lvis.py as a user runs it."""

import json

import pytest

from tests.preparation.tiny_fashion_mnist import tiny_fashion_mnist
from tests.tools.command_line import assert_one_line, call, run

SMALL = ('--max-images', 9, '--min-images', 1, '--per-class', 2)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('user')
    tiny_fashion_mnist(folder / 'data' / 'fashion_mnist')
    return folder


def test_it_makes_a_set_where_the_configs_look(folder):
    result = run('make_collage_lvis.py', *SMALL, cwd=folder)
    out = folder / 'data' / 'collage_lvis'
    val = json.loads((out / 'annotations' / 'lvis_val.json').read_text())
    assert f'val: {len(val["images"])} images, 60 instances' in result.stdout
    assert 'rare: 30 classes, in 1 to 9 training images' in result.stdout
    assert 'common: no class' in result.stdout
    assert (out / 'overview.png').is_file()
    assert result.stderr == ''


def test_the_same_command_again_does_nothing(folder, capsys):
    assert call('make_collage_lvis', *SMALL, cwd=folder, cfg_options=False) is None
    if 'there already' not in capsys.readouterr().out:  # this test ran alone
        assert call('make_collage_lvis', *SMALL, cwd=folder, cfg_options=False) is None
        assert 'there already' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('--fashion-mnist', 'none'), 'none/train-images.*prepare_data.py'),
        (('--per-class', 0), '--per-class must be 1 or more'),
        (('--max-images', 5000), 'Ask for fewer'),
    ],
)
def test_bad_input_ends_in_one_line(folder, arguments, message):
    end = call(
        'make_collage_lvis', *arguments, '--out', 'new', cwd=folder, cfg_options=False
    )
    assert_one_line(end, message)
    assert not (folder / 'new').exists()


def test_another_set_is_not_overwritten(folder):
    (folder / 'taken').mkdir(exist_ok=True)
    end = call(
        'make_collage_lvis', *SMALL, '--out', 'taken', cwd=folder, cfg_options=False
    )
    assert_one_line(end, 'taken exists and holds something else')
