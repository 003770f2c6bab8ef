"""CSVDataset: rows, classes, splits, and the error for every kind of bad file."""

import re

import cv2
import numpy as np
import pytest

from mmgala.datasets import CSVDataset, LongTailedDataset
from mmgala.registry import DATASETS

BIRDS = [
    ('a/1.png', 'wren', 'train'),
    ('b/2.png', 'dunnock', 'train'),
    ('a/3.png', 'wren', 'val'),
    ('b/4.png', 'dunnock', 'train'),
    ('c/5.png', 'goldcrest', 'test'),
    ('c/6.png', 'goldcrest', 'train'),
]


@pytest.fixture
def table(tmp_path):
    """Factory: data set of a CSV file with this text."""

    def make(text, **kwargs):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / 'birds.csv').write_bytes(data)
        kwargs.setdefault('check_images', False)
        return CSVDataset('birds.csv', data_root=str(tmp_path), **kwargs)

    return make


def csv_text(rows=BIRDS, header='path,label,split'):
    return ''.join(f'{line}\n' for line in [header, *map(','.join, rows)])


def images_of(dataset, root):
    prefix = f'{root}/'
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(i['img_path'].removeprefix(prefix), i['gt_label']) for i in infos]


@pytest.mark.parametrize(
    ('split', 'expected'),
    [
        ('train', [('a/1.png', 2), ('b/2.png', 0), ('b/4.png', 0), ('c/6.png', 1)]),
        ('val', [('a/3.png', 2)]),
        ('test', [('c/5.png', 1)]),
    ],
)
def test_rows_of_a_split(table, tmp_path, split, expected):
    dataset = table(csv_text(), split=split)

    assert images_of(dataset, tmp_path) == expected
    assert dataset.get_gt_labels().tolist() == [label for _, label in expected]
    assert dataset.metainfo['classes'] == ('dunnock', 'goldcrest', 'wren')
    assert dataset.metainfo['class_counts'] == [2, 1, 1]


def test_file_without_splits_is_a_training_set(table, tmp_path):
    rows = [row[:2] for row in BIRDS]

    dataset = table(csv_text(rows, 'path,label'))

    assert [path for path, _ in images_of(dataset, tmp_path)] == [r[0] for r in BIRDS]
    assert dataset.metainfo['class_counts'] == [2, 2, 2]


def test_columns_with_other_names_in_another_order(table, tmp_path):
    text = 'part,species,note,file\nfit,wren,"x, y",a.png\neval,robin,,b.png\n'
    columns = dict(path_column='file', label_column='species', split_column='part')

    dataset = table(text, split='eval', **columns)

    assert images_of(dataset, tmp_path) == [('b.png', 0)]
    assert dataset.metainfo['classes'] == ('robin', 'wren')


def test_without_training_rows_the_counts_are_unknown(table, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmgala.datasets.csv_dataset.print_log', lambda m, **_: messages.append(m)
    )

    dataset = table('path,label,split\na,wren,fold1\nb,robin,fold2\n', split='fold2')

    assert 'class_counts' not in dataset.metainfo
    assert len(messages) == 1
    assert "no rows belong to split 'train'" in messages[0]


def test_given_classes_determine_the_labels(table):
    dataset = table(csv_text(), classes=['wren', 'goldcrest', 'dunnock'])

    assert dataset.get_gt_labels().tolist() == [0, 2, 2, 1]
    assert dataset.metainfo['class_counts'] == [1, 1, 2]


@pytest.mark.parametrize(
    'text',
    [
        csv_text().replace('\n', '\r\n'),
        b'\xef\xbb\xbf' + csv_text().encode(),
        csv_text().replace('wren', '"wren"').replace('train', ' train '),
        csv_text().replace('\n', '\n\n').rstrip('\n'),
    ],
    ids=['Windows', 'byte order mark', 'quotes and spaces', 'empty lines'],
)
def test_equivalent_forms_of_a_table(table, tmp_path, text):
    dataset = table(text)

    assert images_of(dataset, tmp_path) == images_of(table(csv_text()), tmp_path)
    assert dataset.metainfo['classes'] == ('dunnock', 'goldcrest', 'wren')


def test_quoted_path_with_comma_and_spaces(table, tmp_path):
    dataset = table('path,label\n"a b, c/1.png",x\n')

    assert images_of(dataset, tmp_path) == [('a b, c/1.png', 0)]


ERRORS = {
    'no path column': (
        'file,label\na,x\n',
        ":1: no column is named 'path'; the columns are 'file', 'label'.",
    ),
    'no label column': (
        'path,class\na,x\n',
        ":1: no column is named 'label'; the columns are 'path', 'class'.",
    ),
    'semicolons': (
        'path;label\na;x\n',
        ":1: no column is named 'path'; the columns are 'path;label'.",
    ),
    'column twice': (
        'path,label,label\na,x,y\n',
        ":1: several columns are named 'label'",
    ),
    'many columns': (
        ','.join(map(str, range(12))) + '\n' + ',' * 11 + '\n',
        ":1: no column is named 'path'; the columns are '0', '1', '2', '3', '4', "
        "'5', '6', '7', '8', "
        "'9' and 2 more.",
    ),
    'empty label': ('path,label\na,x\nb, \nc,\n', ':3: the label is empty.'),
    'empty split': ('path,label,split\na,x,train\nb,x,\n', ':3: the split is empty.'),
    'empty path': ('path,label\na,x\n,x\n', ':3: the path is empty.'),
    'image twice': (
        'path,label\na,x\n\nb,x\na,y\n',
        ':5: a is already listed on line 2; multi-label data sets are not supported.',
    ),
    'image of two lines twice': (
        'path,label\n"a\nb",x\n"a\nb",y\n',
        r":5: 'a\nb' is already listed on line 3",
    ),
    'image in two splits': (
        'path,label,split\na,x,train\na,x,val\n',
        ':3: a is already listed on line 2; multi-label',
    ),
    'absolute path': (
        'path,label\na,x\n/etc/b,x\n',
        ':3: the path /etc/b is outside the image root',
    ),
    'path upwards': (
        'path,label\n"a\nb",x\na/../../b,x\n',
        ':4: the path a/../../b is outside the image root',
    ),
    'path upwards behind a line end': (
        'path,label\na,x\n"b\nc/../../d",x\n',
        r":4: the path 'b\nc/../../d' is outside the image root",
    ),
    'NUL': ('path,label\na,x\nb\0,x\n', ':3: the line contains a NUL character.'),
    'not UTF-8': (b'path,label\na,x\n\xe9,x\n', ':3: the line is not UTF-8'),
    'short row': (
        'path,label\na,x\nb\n',
        ':3: expected 2 columns, as in the first row, but got 1.',
    ),
    'long row': (
        'path,label\na,x\nb,c,x\n',
        ':3: expected 2 columns, as in the first row, but got 3.',
    ),
    'open quote': ('path,label\n"a,x\n', ':2: invalid CSV (unexpected end of data).'),
    'no rows': (
        'path,label\n\n',
        ': there are no rows below the column names.',
    ),
    'blank': ('\n\n', ': there are no rows below the column names.'),
    'empty': ('', ': the file is empty.'),
}


@pytest.mark.parametrize(('text', 'message'), ERRORS.values(), ids=list(ERRORS))
def test_bad_file_is_named_with_the_line(table, tmp_path, text, message):
    message = re.escape(f'{tmp_path}/birds.csv{message}')
    with pytest.raises(ValueError, match=message) as info:
        table(text)
    assert '\n' not in str(info.value)


def test_unknown_class_is_named_with_the_line(table):
    message = ":5: unknown class 'dunnock'; `classes` contains 'goldcrest', 'wren'."
    text = csv_text([BIRDS[0], BIRDS[2], BIRDS[5], BIRDS[1]])
    with pytest.raises(ValueError, match=re.escape(message)):
        table(text, classes=('goldcrest', 'wren'))


def test_missing_split_column_is_refused_if_it_was_named(table):
    message = ":1: no column is named 'split'; the columns are 'path', 'label'."
    with pytest.raises(ValueError, match=re.escape(message)):
        table('path,label\na,x\n', split_column='split')


@pytest.mark.parametrize(
    ('text', 'there'),
    [
        (csv_text(), "'test', 'train', 'val'."),
        ('path,label\na,x\n', "'train' (there is no split column)."),
    ],
)
def test_error_for_a_split_without_rows_lists_the_splits(table, text, there):
    message = f"birds.csv: no rows belong to split 'dev'; available splits: {there}"
    with pytest.raises(ValueError, match=re.escape(message)):
        table(text, split='dev')


def test_class_without_training_rows_is_named(table):
    rows = [row for row in BIRDS if row[0] != 'c/6.png']

    message = r'birds\.csv: class 1 \(goldcrest\) has no training images'
    with pytest.raises(ValueError, match=message):
        table(csv_text(rows))
    assert table(csv_text(rows), split='val').metainfo['class_counts'] == [2, 0, 1]


def test_missing_images_are_counted_and_the_first_is_named(table, tmp_path):
    (tmp_path / 'images/a').mkdir(parents=True)
    (tmp_path / 'images/a/1.png').touch()

    message = (
        f'3 of 4 images are missing in {tmp_path}/images, first b/2.png '
        f'({tmp_path}/birds.csv:3). Check `data_root`, `data_prefix` and `ann_file`.'
    )
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        table(csv_text(), check_images=True, data_prefix='images')
    # Only images of the split are checked.
    with pytest.raises(FileNotFoundError, match=r'1 of 1 images .*birds\.csv:4\)'):
        table(csv_text(), check_images=True, data_prefix='images', split='val')
    (tmp_path / 'images/a/3.png').touch()
    table(csv_text(), check_images=True, data_prefix='images', split='val')


def test_missing_image_is_named_on_one_line(table):
    with pytest.raises(FileNotFoundError, match=r"first 'a\\nb' \(.*birds\.csv:3\)"):
        table('path,label\n"a\nb",x\n', check_images=True)


def test_images_are_checked_by_default(tmp_path):
    (tmp_path / 'birds.csv').write_text('path,label\na.png,x\n')

    with pytest.raises(FileNotFoundError, match='1 of 1 images are missing'):
        CSVDataset('birds.csv', str(tmp_path))


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path.parent))
    (tmp_path / 'a.png').touch()
    (tmp_path / 'birds.csv').write_text('path,label\na.png,x\n')

    assert len(CSVDataset('birds.csv', f'~/{tmp_path.name}')) == 1


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'birds\.csv: no such annotation file'):
        CSVDataset('birds.csv', str(tmp_path))


def test_long_tailed_subset_of_a_csv_by_config(tmp_path):
    rows = [
        (f'{i}.png', name)
        for i, name in enumerate(['ant'] * 8 + ['bee'] * 6 + ['cat'] * 4)
    ]
    for i, (path, _) in enumerate(rows):
        assert cv2.imwrite(
            str(tmp_path / path), np.full((4, 4, 3), 10 * i, dtype=np.uint8)
        )
    (tmp_path / 'animals.csv').write_text(csv_text(rows, 'path,label'))
    config = dict(
        type='mmgala.CSVDataset',
        ann_file='animals.csv',
        data_root=str(tmp_path),
        pipeline=[dict(type='LoadImageFromFile')],
    )

    dataset = DATASETS.build(
        dict(type='mmgala.LongTailedDataset', dataset=config, imbalance_factor=4)
    )

    assert isinstance(dataset, LongTailedDataset)
    assert dataset.metainfo['class_counts'] == [8, 4, 2]
    assert dataset.metainfo['classes'] == ('ant', 'bee', 'cat')
    samples = [dataset[i] for i in range(len(dataset))]
    labels = [s['gt_label'] for s in samples]
    assert np.bincount(labels).tolist() == [8, 4, 2]
    for sample in samples:
        index = int(sample['img'][0, 0, 0]) // 10
        assert rows[index][1] == ('ant', 'bee', 'cat')[sample['gt_label']]


def test_integer_names_are_sorted_as_numbers(table):
    rows = [(f'{label}.png', str(label), 'train') for label in (10, 2, 0, 11, 1)]

    dataset = table(csv_text(rows))

    assert dataset.metainfo['classes'] == ('0', '1', '2', '10', '11')
    assert dataset.get_gt_labels().tolist() == [3, 2, 0, 4, 1]


@pytest.mark.parametrize('given', [dict(classes=[2, 0, 1]),
                                   dict(metainfo=dict(classes=[2, 0, 1]))])  # fmt: skip
def test_classes_may_be_integers(table, given):
    rows = [(f'{label}.png', str(label), 'train') for label in (0, 1, 2)]

    dataset = table(csv_text(rows), **given)

    assert dataset.metainfo['classes'] == ('2', '0', '1')
    assert dataset.get_gt_labels().tolist() == [1, 2, 0]
