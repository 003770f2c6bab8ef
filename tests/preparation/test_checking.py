"""The check reports every error and changes nothing."""

import re
from pathlib import Path

import pytest

from mmgala.preparation import check, make_plan, run_plan
from tests.preparation.archives import tree
from tests.preparation.small_sets import publish


@pytest.fixture
def prepared(server, monkeypatch, tmp_path):
    """Prepare a small set; return its entry and its folder."""

    def prepared(name):
        small, root = publish(name, server, monkeypatch), tmp_path / name
        root.mkdir()
        for part in small.parts:
            if part.url is None:
                (root / part.source).write_bytes(server.files[f'/{part.source}'])
        run_plan(make_plan(small, root), small, root)
        assert check(small, root).problems == []
        return small, root

    return prepared


def test_table(prepared):
    report = check(*prepared('places-lt'))
    assert [line.split() for line in report.table().splitlines()] == [
        ['split', 'expected', 'found', 'classes', 'min', 'max'],
        ['train', '9', '9', '3', '1', '5'],
        ['val', '60', '60', '3', '20', '20'],
        ['test', '300', '300', '3', '100', '100'],
    ]


def test_missing_images_are_counted_and_the_first_named(prepared):
    small, root = prepared('inaturalist2018')
    for path in root.rglob('val*.jpg'):
        path.unlink()
    report = check(small, root)
    shown = ', '.join(
        f'train_val2018/Plantae/{label}/val{number}.jpg'
        for label, number in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    )
    assert report.problems == [f'val: 9 of 9 images are missing: {shown}']
    assert report.rows[1] == ('val', 9, 0, 3, 3, 3)


def test_a_missing_folder_is_named(prepared):
    small, root = prepared('places-lt')
    (root / 'val').rename(root / 'away')
    problems = check(small, root).problems
    assert problems[0] == f'{root}/val is missing'
    assert problems[1].startswith('test: 300 of 300 images are missing: val/airfield/')


@pytest.mark.parametrize(
    ('change', 'problem'),
    [
        (lambda text: text + 'train/x.jpg 0\n', r'class 0 has 6 \(expected 5\)'),
        (lambda text: text.partition('\n')[2], r'class 0 has 4 \(expected 5\)'),
        (lambda text: text.replace(' 2\n', ' 1\n'), 'class 1 has 4 .* class 2 has 0'),
        (lambda text: text + 'train/x.jpg 3\n', r'_train\.txt:10: the label 3 is not'),
        (lambda text: text + '\n', r'_train\.txt:10: the line is empty'),
        (
            lambda text: text + '../x.jpg 0\n',
            r'_train\.txt:10: .*is outside the image',
        ),
        (lambda text: '', 'the file is empty'),
    ],
)
def test_lists_without_a_checksum_are_counted(prepared, change, problem):
    small, root = prepared('imagenet-lt')
    path = root / 'ImageNet_LT_train.txt'
    path.write_text(change(path.read_text()))
    (found, *_) = check(small, root).problems
    assert found.startswith('train: ')
    assert re.search(problem, found), found


def test_lists_must_match_their_checksum(prepared):
    small, root = prepared('places-lt')
    path = root / 'Places_LT_val.txt'
    path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n'))
    report = check(small, root)
    known = small.parts[1].files[path.name]
    assert report.problems == [f'{path} is not the published file (expected {known})']
    assert report.rows[1] == ('val', 60, None, None, None, None)
    assert report.table().splitlines()[2].split() == ['val', '60', '-', '-', '-', '-']


def test_a_missing_file_of_arrays_is_named(prepared):
    small, root = prepared('fashion-mnist')
    path = root / 't10k-labels-idx1-ubyte'
    path.unlink()
    assert check(small, root).problems == [f'{path} is missing']


@pytest.mark.parametrize(
    'name', ['cifar100', 'plankton', 'places-lt', 'inaturalist2018']
)
def test_empty_root(server, monkeypatch, tmp_path, name):
    small, root = publish(name, server, monkeypatch), tmp_path / 'none'
    report = check(small, root)
    assert all(problem.endswith(' is missing') for problem in report.problems)
    assert len(report.rows) == len(small.splits)
    assert not root.exists()


def test_nothing_is_changed(prepared):
    small, root = prepared('places-lt')
    (root / 'train/zen_garden/00000001.jpg').unlink()
    before = tree(root)
    check(small, root)
    assert tree(root) == before
    assert all(Path(root / name).exists() for name in before)
