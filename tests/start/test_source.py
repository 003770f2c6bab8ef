"""Finding images: class folders, parts, CSV files, and what is refused."""

from collections import Counter

import pytest

from mmgala.start.source import find_images
from tests.start.pictures import write_classes, write_csv, write_image


def found(source):
    return {(item.path, item.label, item.part) for item in source.items}


def test_class_folders_at_any_depth(tmp_path):
    write_image(tmp_path / 'red rose' / 'a b.png')
    write_image(tmp_path / 'красный' / 'deep' / 'er' / '1.JPG')

    source = find_images(tmp_path)

    assert found(source) == {
        ('red rose/a b.png', 'red rose', ''),
        ('красный/deep/er/1.JPG', 'красный', ''),
    }
    assert not source.remarks


def test_hidden_and_other_files_are_left_out_and_named(tmp_path):
    write_classes(tmp_path, {'a': 2, 'b': 2})
    write_image(tmp_path / 'loose.png')
    for name in (
        'a/.DS_Store',
        'a/._0.png',
        'b/notes.txt',
        'b/live.heic',
        '.git/x.png',
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'empty').mkdir()

    source = find_images(tmp_path)

    assert Counter(item.label for item in source.items) == {'a': 2, 'b': 2}
    text = '\n'.join(source.remarks)
    for part in ('1 image in no class folder, first loose.png', 'first empty',
                 '1 .txt', 'Convert .heic', '3 hidden'):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ('folders', 'parts'),
    [
        (('train', 'val', 'test'), {'train', 'val', 'test'}),
        (('training', 'Validation'), {'train', 'val'}),
    ],
)
def test_parts_of_the_user(tmp_path, folders, parts):
    for index, folder in enumerate(folders):
        write_classes(tmp_path / folder, {'a': index + 1, 'b': 1})

    source = find_images(tmp_path)

    assert source.parts == parts
    assert Counter(item.part for item in source.items)['val'] == 3


def test_a_class_may_be_called_test(tmp_path):
    write_classes(tmp_path, {'test': 2, 'rest': 2})

    source = find_images(tmp_path)

    assert source.parts == set()
    assert {item.label for item in source.items} == {'test', 'rest'}


def test_folders_beside_the_parts_are_named(tmp_path):
    write_classes(tmp_path / 'train', {'a': 1, 'b': 1})
    write_classes(tmp_path, {'old': 3})

    source = find_images(tmp_path)

    assert len(source.items) == 2
    assert 'beside train, old' in '\n'.join(source.remarks)


def test_csv_with_other_names_and_separator(tmp_path):
    path = write_csv(
        tmp_path / 'list.csv', 'file;Class;subset', 'im/1.png;a;training',
        f'{tmp_path}/im/2.png;b;Val', '', 'im/1.png;a;training',
    )  # fmt: skip

    source = find_images(path)

    assert source.root == tmp_path / 'im'
    assert found(source) == {('1.png', 'a', 'train'), ('2.png', 'b', 'val')}
    assert '1 rows that repeat' in source.remarks[0]


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        (['pth,label', '1.png,a'], r"'pth'.*Rename 'pth'"),
        (['path,label', '1.png,a,x'], 'csv:2: expected 2 columns'),
        (['path,label', '1.png,'], 'csv:2: the label is empty'),
        (['path,label', ',a'], 'csv:2: the path is empty'),
        (['path,label', '1.png,a', '1.png,b'], 'csv:3: 1.png.*line 2.*has one'),
        (['path,label', '1.png,a'], 'only one class, a'),
        (['path,label,split', '1.png,a,trian'], "'trian'.*mean 'train'"),
        (['path,label,split', '1.png,a,val', '2.png,b,val'], 'split train'),
        (['path,label'], 'no rows'),
    ],
)
def test_csv_that_is_wrong(tmp_path, rows, message):
    path = write_csv(tmp_path / 'list.csv', *rows)
    with pytest.raises(ValueError, match=message):
        find_images(path)


def test_nothing_there_suggests_the_nearest_name(tmp_path):
    (tmp_path / 'flowers').mkdir()
    with pytest.raises(FileNotFoundError, match='flowres.*Did you mean .*/flowers'):
        find_images(tmp_path / 'flowres')


@pytest.mark.parametrize(
    ('name', 'message'), [('a.zip', 'Unpack'), ('a.jpg', 'give a folder')]
)
def test_a_file_of_another_kind(tmp_path, name, message):
    (tmp_path / name).write_bytes(b'x')
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path / name)


def test_empty_folder(tmp_path):
    with pytest.raises(ValueError, match='no images in it: give a folder'):
        find_images(tmp_path)


def test_images_without_class_folders(tmp_path):
    write_image(tmp_path / '1.png')
    with pytest.raises(
        ValueError, match='1 images are not in class folders, first 1.png'
    ):
        find_images(tmp_path)


def test_only_other_files(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'x.txt').touch()
    with pytest.raises(ValueError, match=r'only other files, first a/x.txt'):
        find_images(tmp_path)


def test_one_class_suggests_the_folder_below(tmp_path):
    write_classes(tmp_path / 'flowers', {'a': 1, 'b': 1})
    with pytest.raises(ValueError, match=r'only one class, flowers.*a, b.*/flowers\?'):
        find_images(tmp_path)
