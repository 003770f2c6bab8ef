"""`mmgala start` and `mmgala predict` with odd and bad input: one clear line each."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgala.cli.commands import predict, start
from tests.start.calling import call
from tests.start.pictures import write_classes, write_csv, write_image
from tests.tools.command_line import assert_one_line

PLAN = ('--dry-run', '--backbone', 'small')


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    return tmp_path


def refused(message, *words):
    assert_one_line(call(start, *words), message)
    assert not os.path.exists('work_dirs')


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--val-fraction', '2'), '--val-fraction.*is 2.0'),
        (('--test-fraction', '0'), '--test-fraction.*is 0.0'),
        (('--epochs', '0'), '--epochs must be 1 .*is 0'),
        (('--image-size', '7'), '--image-size must be 16.*is 7'),
        (('--seed', '-1'), '--seed.*is -1'),
        (('--compare', 'gela'), "Unknown method 'gela'"),
        (('--device', 'gpu'), "--device must be.*'gpu'"),
        (('--device', 'cuda'), '--device cuda: PyTorch finds no'),
        (('--backbone', 'resnet81'), 'resnet81.*resnet18'),
        (('--backbone', 'resnet18', '--pretrained', 'no.pth'), 'no.pth'),
        (('--backbone', 'small', '--pretrained', 'x.pth'), 'x.pth.*small.*--backbone'),
        (('--name', 'a/b'), 'a/b.*--work-dir'),
        (('--target-prior', 'no.csv'), 'no.csv'),
        (('--work-dir', 'data/out'), 'data/out.*--work-dir'),
    ],
)
def test_bad_options(words, message):
    write_classes(_here('data'), {'a': 4, 'b': 4})
    refused(message, 'data', *words)


def _here(name):
    return Path.cwd() / name


def test_data_that_is_nothing_or_something_else():
    write_classes(_here('flowers'), {'a': 4, 'b': 4})
    _here('empty').mkdir()
    _here('a.zip').write_bytes(b'PK')
    for name, message in (
        ('flower', r'flower: no such.*Did you mean flowers\?'),
        ('empty', 'empty: there are no images'),
        ('a.zip', 'a.zip.*Unpack'),
        ('flowers/a', 'flowers/a: 4 images are not in class folders'),
        ('flowers/a/0.png', '0.png is neither'),
        (os.devnull, 'is a pipe or a device'),
    ):
        refused(message, name, *PLAN)


def test_results_among_the_images():
    write_classes(_here('.'), {'a': 4, 'b': 4})
    refused('among the images.*--work-dir', '.', *PLAN)


def test_a_folder_with_other_files():
    write_classes(_here('data'), {'a': 4, 'b': 4})
    _here('mine').mkdir()
    (_here('mine') / 'thesis.doc').touch()

    end = call(start, 'data', '--work-dir', 'mine', '--backbone', 'small')

    assert_one_line(end, 'mine holds other files .thesis.doc.*--work-dir')


def test_a_launcher_is_refused(monkeypatch):
    write_classes(_here('data'), {'a': 4, 'b': 4})
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'none')
    monkeypatch.setenv('WORLD_SIZE', '2')
    refused('2 processes.*mmgala works in one.*without torchrun', 'data', *PLAN)


def test_odd_images_are_told_and_left_out_or_used(capsys):
    root = write_classes(_here('my data é'), {'a b': 6, 'тюльпан': 5, 'one': 1})
    write_image(root / 'a b' / 'grey.png', seed=50, mode='L')
    write_image(root / 'a b' / 'clear.png', seed=51, mode='RGBA')
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20) * 100
    Image.fromarray(deep).save(root / 'a b' / 'deep.png')
    (root / 'a b' / 'cut.jpg').write_bytes(b'\xff\xd8\xff\xe0 cut')
    (root / 'тюльпан' / 'nested').mkdir()
    shutil.copy(root / 'a b' / '0.png', root / 'a b' / 'copy.png')
    write_image(root / 'тюльпан' / 'nested' / 'x.png', 1, seed=77)
    write_image(root / '.cache' / 'x.png')
    for path in root.rglob('*'):
        path.chmod(0o555 if path.is_dir() else 0o444)

    assert call(start, 'my data é', *PLAN) is None

    printed = capsys.readouterr()
    table = [line for line in printed.out.splitlines() if line.startswith('| ')]
    cells = {
        row[0]: row[1:5] + row[6:]
        for row in ([c.strip() for c in line.strip('|').split('|')] for line in table)
    }
    # By hand: 11 files, 2 of them left out; a fifth of 9 is 1.8.
    assert cells['a b'] == ['11', '5', '2', '2', '2']
    assert cells['тюльпан'] == ['6', '4', '1', '1', '']
    assert cells['one'] == ['1', '1', '-', '-', '']
    assert cells['all 3'] == ['18', '10', '3', '3', '2']
    for part in ('cut.jpg cannot be read', 'transparent', '8 bits', '1 hidden',
                 'copies', '1 class has fewer than 3 images (one)'):  # fmt: skip
        assert part in printed.err
    assert not os.path.exists('work_dirs')


def test_a_csv_with_missing_files(capsys):
    write_classes(_here('im'), {'a': 4, 'b': 4})
    rows = [f'im/{name}/{n}.png,{name}' for name in 'ab' for n in range(5)]
    write_csv(_here('list.csv'), 'path,label', *rows)

    assert call(start, 'list.csv', *PLAN) is None

    printed = capsys.readouterr()
    assert 'a/4.png cannot be read (No such file' in printed.err
    assert 'work_dirs/list/list.py' in printed.out


def test_long_class_lists_are_shortened(capsys):
    counts = {f'class {n:02}': 3 + n for n in range(20)}
    write_classes(_here('data'), counts, size=(4, 4))

    assert call(start, 'data', *PLAN) is None

    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] == '|']
    assert len(lines) == 2 + 4 + 1 + 4 + 1
    assert lines[2].startswith('| class 19')
    assert '12 more' in lines[6]
    assert f'{sum(counts.values())} ' in lines[-1]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('nothing', 'x.png'), 'nothing: no such folder or config.*mmgala start'),
        (('folder', 'x.png'), 'folder has no checkpoint.*CONFIG'),
        (('config.py', 'x.pth'), 'No images follow config.py and x.pth'),
        (('config.py', 'x.pth', 'x.png', '--top', '0'), '--top.*is 0'),
        (('config.py', 'x.pth', 'x.png', '--out', 'x.txt'), '--out.*x.txt'),
        (('config.py', 'x.pth', 'folder'), 'folder: there are no images'),
        (('config.py', 'x.pth', 'x.png'), 'x.pth'),
    ],
)
def test_predict_refuses(words, message):
    _here('folder').mkdir()
    _here('config.py').write_text('model = dict()\n')
    assert_one_line(call(predict, *words), message)


def test_names_that_differ_only_in_case_are_named_before_the_training(capsys):
    write_classes(_here('data'), {'rose': 4, 'Rose': 4})

    assert call(start, 'data', '--dry-run', '--backbone', 'small') is None

    said = ' '.join(capsys.readouterr().err.split())
    assert "The classes 'Rose' and 'rose' differ only in case" in said
