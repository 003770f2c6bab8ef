"""Remarks on data as it is found: hidden files, endings, and names that look alike."""

import os
import unicodedata

import cv2
import numpy as np
import pytest
from mmengine.dataset import RepeatDataset
from mmpretrain.datasets import CustomDataset

from mmgala.datasets import CSVDataset, count_classes
from mmgala.datasets.data_check import READABLE, UNREADABLE, alike_names, check_data
from mmgala.datasets.readers.coco_labels import read_coco_labels
from mmgala.datasets.readers.image_list import read_image_list


@pytest.fixture
def root(tmp_path):
    """Two class folders with three images each."""
    for name in ('ant', 'bee'):
        (tmp_path / name).mkdir()
        for index in range(3):
            (tmp_path / name / f'{index}.png').touch()
    return tmp_path


def folder(root, **options):
    return CustomDataset(data_root=str(root), **options)


def test_nothing_to_remark(root):
    (root / 'ant' / '.DS_Store').touch()
    (root / 'ant' / 'Thumbs.db').touch()
    (root / 'ant' / 'notes.txt').touch()
    (root / '._list.png').touch()
    (root / 'ant' / 'LARGE.JPEG').touch()

    assert check_data(folder(root)) == []
    assert count_classes(folder(root)) == [4, 3]


@pytest.mark.parametrize(
    'hidden', ['ant/._0.png', '.ipynb_checkpoints/0.png', 'bee/.thumbs/1.png',
               '__MACOSX/ant/0.png']
)  # fmt: skip
def test_hidden_images_are_refused(root, hidden):
    path = root / hidden
    path.parent.mkdir(exist_ok=True, parents=True)
    path.touch()

    with pytest.raises(ValueError, match=r'1 of the files.*hidden') as error:
        check_data(RepeatDataset(folder(root), times=2))
    assert str(error.value).count(hidden.replace('/', os.sep)) == 1
    assert 'delete them' in str(error.value)


def test_hidden_images_of_an_unlabelled_folder_are_refused(root):
    (root / '._0.png').touch()

    with pytest.raises(ValueError, match=r'\._0\.png'):
        check_data(folder(root, with_label=False))


def test_a_hidden_folder_without_images_is_named(root):
    (root / '.ipynb_checkpoints').mkdir()

    (remark,) = check_data(folder(root))

    assert '.ipynb_checkpoints' in remark
    assert 'delete' in remark


def test_endings_that_are_left_out_are_counted(root):
    for name in ('a.webp', 'b.WEBP', 'c.tiff', 'd.heic'):
        (root / 'bee' / name).touch()

    (remark,) = check_data(folder(root))

    assert '4 images' in remark
    assert '2 .webp, 1 .tiff, 1 .heic' in remark
    assert 'bee/a.webp'.replace('/', os.sep) in remark
    assert 'convert .heic' in remark
    extensions = eval(remark.partition('extensions=')[2].partition(')')[0] + ')')
    assert set(extensions) >= {'.png', '.jpg', '.webp', '.tiff'}
    assert count_classes(folder(root, extensions=extensions)) == [3, 6]


@pytest.mark.parametrize('ending', ['.webp', '.tiff', '.jp2', '.jpe', '.pbm', '.pnm'])
def test_formats_called_readable_are(tmp_path, ending):
    image = np.zeros((64, 64, 1), dtype=np.uint8)
    assert cv2.imwrite(str(tmp_path / f'x{ending}'), image)

    assert ending in READABLE
    assert ending not in UNREADABLE
    assert cv2.imread(str(tmp_path / f'x{ending}')) is not None


def test_images_outside_of_class_folders_are_counted(root):
    for index in range(2):
        (root / f'{index}.jpg').touch()

    (remark,) = check_data(folder(root))

    assert '2 images are in no class folder' in remark
    assert '0.jpg' in remark


COMPOSED, DECOMPOSED = (unicodedata.normalize(f, 'café') for f in ('NFC', 'NFD'))


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['1', '1.0'], ["'1' and '1.0'", 'form']),
        (['Rose', 'rose', 'ROSE'], ["'Rose' and 'rose' and 'ROSE'", 'case']),
        (['rose', 'rose '], ["'rose' and 'rose '", 'spaces']),
        (
            [COMPOSED, DECOMPOSED],
            [r"'caf\xe9' and 'cafe\u0301'", 'Unicode normal form'],
        ),
    ],
    ids=['numbers', 'case', 'spaces', 'normal form'],
)
def test_alike_names(names, expected):
    (remark,) = alike_names(['tulip', *names, '2'])

    for part in expected:
        assert part in remark


def test_names_that_only_resemble_each_other_are_fine():
    assert alike_names(['1', '10', '1a', '1_0', '-1', 'nan', 'NaN2', 'rose bush']) == []


def test_folders_that_are_numbers_in_text_order_are_named(root):
    for name in ('ant', 'bee'):
        (root / name).rename(root / {'ant': '10', 'bee': '9'}[name])

    (remark,) = check_data(folder(root))

    assert "label 0 means class '10'" in remark
    assert 'set classes' in remark


def test_class_folders_in_two_normal_forms_are_named(root):
    for name in (COMPOSED, DECOMPOSED):
        (root / name).mkdir()
        (root / name / '0.png').touch()
    if len(list(root.iterdir())) < 4:
        pytest.skip('this file system does not tell them apart')

    (remark,) = check_data(folder(root))

    assert r'caf\xe9' in remark


@pytest.mark.parametrize(
    ('label', 'said'), [(1, ' with different labels'), (0, '0.png: remove')]
)
def test_lines_of_a_list_that_name_one_image(root, label, said):
    lines = ['ant/0.png 0', 'bee/0.png 1', f'./ant/0.png {label}']
    (root / 'list.txt').write_text('\n'.join(lines))

    (remark,) = check_data(
        folder(root, ann_file='list.txt', metainfo=dict(classes=('ant', 'bee')))
    )

    assert '1 lines' in remark
    assert 'ant/0.png and ' in remark
    assert './ant/0.png' in remark
    assert said in remark


def write_csv(root, *rows):
    (root / 'list.csv').write_text('\n'.join(['path,label', *rows, '']), 'utf-8')


def csv(root):
    return CSVDataset('list.csv', str(root), check_images=False)


@pytest.mark.parametrize('other', ['./im/0.jpg', 'im//0.jpg', 'im/./0.jpg'])
def test_our_readers_refuse_two_spellings_of_a_path(tmp_path, other):
    write_csv(tmp_path, 'im/0.jpg,a', f'{other},b')
    (tmp_path / 'list.txt').write_text(f'im/0.jpg 0\n{other} 1\n')
    images = [dict(id=i, file_name=path) for i, path in enumerate(['im/0.jpg', other])]
    labels = [dict(image_id=i, category_id=i) for i in range(2)]
    (tmp_path / 'list.json').write_text(
        str(dict(images=images, annotations=labels)).replace("'", '"')
    )

    for read, line in (
        (lambda: csv(tmp_path), '3'),
        (lambda: read_image_list(tmp_path / 'list.txt'), '2'),
        (lambda: read_coco_labels(tmp_path / 'list.json', 2), 'image ids 0 and 1'),
    ):
        with pytest.raises(ValueError, match='as im/0.jpg') as error:
            read()
        assert other in str(error.value)
        assert line in str(error.value)


@pytest.mark.parametrize(
    'path', ['a/._0.png', 'a/.DS_Store', 'a/Thumbs.db', '.ipynb_checkpoints/0.png']
)
def test_our_readers_refuse_files_of_the_system(tmp_path, path):
    write_csv(tmp_path, 'a/0.png,a', f'{path},a')

    with pytest.raises(ValueError, match=r'list\.csv:3: .*remove the line') as error:
        csv(tmp_path)
    assert path in str(error.value)


def test_images_in_a_folder_that_the_user_hid_are_read(tmp_path):
    write_csv(tmp_path, '.cache/0.png,a', '.cache/1.png,b')

    assert count_classes(csv(tmp_path)) == [1, 1]


def test_labels_in_two_normal_forms_are_one_class(tmp_path):
    write_csv(tmp_path, f'0.png,{COMPOSED}', f'1.png,{DECOMPOSED}', '2.png,tea')

    dataset = csv(tmp_path)

    assert dataset.CLASSES == (COMPOSED, 'tea')
    assert count_classes(dataset) == [2, 1]


def test_labels_of_a_table_that_look_alike_are_named(tmp_path):
    write_csv(tmp_path, '0.png,1', '1.png,1.0')

    (remark,) = check_data(csv(tmp_path))

    assert "'1' and '1.0'" in remark
