"""COCO-style JSON with one label per image."""

import json
import re

import numpy as np
import pytest

from mmgala.datasets.readers.coco_labels import read_coco_labels


def content():
    """Three images of two of three categories; annotations in another order."""
    return dict(
        info=dict(year=2018),
        images=[
            dict(id=7, file_name='train_val2018/Plantae/1/a.jpg', width=8, height=8),
            dict(id=3, file_name='train_val2018/Aves/0/b.jpg', width=8, height=8),
            dict(id=5, file_name='train_val2018/Plantae/1/c.jpg', width=8, height=8),
        ],
        annotations=[
            dict(id=1, image_id=3, category_id=0),
            dict(id=2, image_id=5, category_id=1),
            dict(id=3, image_id=7, category_id=1),
        ],
        categories=[
            dict(id=1, name='Bellis perennis', supercategory='Plantae'),
            dict(id=2, name='Rosa canina', supercategory='Plantae'),
            dict(id=0, name='Larus canus', supercategory='Aves'),
        ],
    )


@pytest.fixture
def written(tmp_path):
    """Factory: path of a JSON file; text is written as it is."""

    def write(value):
        path = tmp_path / 'some.json'
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write


def test_images_keep_their_order_and_are_joined_by_image_id(written):
    path = written(content())

    result = read_coco_labels(path)

    assert [p[-5] for p in result.paths] == ['a', 'b', 'c']
    assert result.paths[1] == 'train_val2018/Aves/0/b.jpg'
    assert result.labels.tolist() == [1, 0, 1]
    assert result.labels.dtype == np.int64
    assert result.classes == ('Larus canus', 'Bellis perennis', 'Rosa canina')
    assert result.num_classes == 3
    assert result.class_counts() == [1, 2, 0]
    assert result.origin(1) == f'{path}, image id 3'


def test_without_categories_the_number_of_classes_is_the_default(written):
    value = content()
    del value['categories']

    result = read_coco_labels(written(value), default_num_classes=9)

    assert (result.num_classes, result.classes) == (9, None)


def test_category_names_may_be_numbers(written):
    value = content()
    for category in value['categories']:
        category['name'] = 100 + category['id']

    assert read_coco_labels(written(value)).classes == ('100', '101', '102')


def test_given_number_of_classes_takes_precedence_over_categories(written):
    result = read_coco_labels(written(content()), 5, 9)

    assert (result.num_classes, result.classes) == (5, None)


def test_unknown_number_of_classes_is_an_error(written):
    value = content()
    value['categories'] = []

    with pytest.raises(ValueError, match="no 'categories'; set `classes`"):
        read_coco_labels(written(value))


def set_in(section, index, **fields):
    return lambda value: value[section][index].update(fields)


def drop(section, index=None, field=None):
    def change(value):
        if index is None:
            del value[section]
        elif field is None:
            del value[section][index]
        else:
            del value[section][index][field]

    return change


def put(section, entry):
    return lambda value: value[section].append(entry)


def replace(section, entries):
    return lambda value: value.update({section: entries})


SEVERAL = 'the image has several annotations; multi-label data sets are not supported'
NEEDS_IMAGE = "of 'images' needs 'id' and 'file_name' (str)."
NEEDS_CATEGORY = "of 'annotations' needs 'image_id' and 'category_id' (int)."
ERRORS = {
    'no annotations': (drop('annotations'), ": there are no 'annotations'."),
    'empty annotations': (replace('annotations', []), ": there are no 'annotations'."),
    'odd annotations': (replace('annotations', {}), ": there are no 'annotations'."),
    'no images': (drop('images'), ": there are no 'images'."),
    'empty images': (replace('images', []), ": there are no 'images'."),
    'unknown image': (
        put('annotations', dict(id=4, image_id=99, category_id=0)),
        ": an annotation refers to image id 99, which is not in 'images'.",
    ),
    'bare images': (
        replace('annotations', [dict(id=1, image_id=7, category_id=1)]),
        ': image id 3 (train_val2018/Aves/0/b.jpg) has no annotation '
        '(unlabelled images: 2).',
    ),
    'two labels': (
        put('annotations', dict(id=4, image_id=5, category_id=0)),
        f': image_id 5: {SEVERAL}.',
    ),
    'one label twice': (
        put('annotations', dict(id=4, image_id=5, category_id=1)),
        f': image_id 5: {SEVERAL}.',
    ),
    'two images of one id': (
        put('images', dict(id=3, file_name='d.jpg')),
        ': id 3: two images have this id.',
    ),
    'two categories of one id': (
        put('categories', dict(id=2, name='Rosa gallica')),
        ': id 2: two categories have this id.',
    ),
    'category too large': (
        set_in('annotations', 1, category_id=3),
        ': image id 5 has category id 3, expected 0 to 2.',
    ),
    'category far too large': (
        set_in('annotations', 1, category_id=10**30),
        f': image id 5 has category id {10**30}, expected 0 to 2.',
    ),
    'negative category': (
        set_in('annotations', 1, category_id=-1),
        ': image id 5 has category id -1, expected 0 to 2.',
    ),
    'ids of categories with a gap': (
        set_in('categories', 1, id=3),
        ": expected the ids of 'categories' to be 0 to 2, but got 3.",
    ),
    'one file twice': (
        set_in('images', 2, file_name='train_val2018/Plantae/1/a.jpg'),
        ': image ids 7 and 5 have the same path, train_val2018/Plantae/1/a.jpg.',
    ),
    'one odd file twice': (
        lambda value: [image.update(file_name='a\nb') for image in value['images']],
        r": image ids 7 and 3 have the same path, 'a\nb'.",
    ),
    'bare odd image': (
        put('images', dict(id=9, file_name='a\nb')),
        r": image id 9 ('a\nb') has no annotation (unlabelled images: 1).",
    ),
    'absolute path': (
        set_in('images', 2, file_name='/etc/passwd'),
        ': image id 5: the path /etc/passwd is outside the image root',
    ),
    'path upwards': (
        set_in('images', 1, file_name='a\\..\\..\\b.jpg'),
        ': image id 3: the path a\\..\\..\\b.jpg is outside the image root',
    ),
    'path with NUL': (
        set_in('images', 1, file_name='a\0b'),
        r": image id 3: the path 'a\x00b' contains a NUL character.",
    ),
    'empty path': (
        set_in('images', 1, file_name=''),
        ': image id 3: the path is empty.',
    ),
    'image without path': (drop('images', 1, 'file_name'), f': entry 1 {NEEDS_IMAGE}'),
    'image without id': (drop('images', 2, 'id'), f': entry 2 {NEEDS_IMAGE}'),
    'path no string': (set_in('images', 1, file_name=3), f': entry 1 {NEEDS_IMAGE}'),
    'image no object': (put('images', 'x.jpg'), f': entry 3 {NEEDS_IMAGE}'),
    'id no number': (set_in('images', 0, id=[1]), f': entry 0 {NEEDS_IMAGE}'),
    'annotation without category': (
        drop('annotations', 2, 'category_id'),
        f': entry 2 {NEEDS_CATEGORY}',
    ),
    'category as text': (
        set_in('annotations', 1, category_id='1'),
        f': entry 1 {NEEDS_CATEGORY}',
    ),
    'category a fraction': (
        set_in('annotations', 1, category_id=1.0),
        f': entry 1 {NEEDS_CATEGORY}',
    ),
    'category a truth value': (
        set_in('annotations', 1, category_id=True),
        f': entry 1 {NEEDS_CATEGORY}',
    ),
}


@pytest.mark.parametrize(('change', 'message'), ERRORS.values(), ids=list(ERRORS))
def test_bad_annotation_is_named_in_one_line(written, change, message):
    value = content()
    change(value)
    path = written(value)

    with pytest.raises(ValueError, match=re.escape(f'{path}{message}')) as info:
        read_coco_labels(path)
    assert '\n' not in str(info.value)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"images": [\n1,\n}', ':3: invalid JSON (Expecting value at column 1).'),
        ('a/b.jpg 0\na/c.jpg 1\n', ':1: invalid JSON (Expecting value at column 1).'),
        (
            '[]',
            ": expected a JSON object with 'images' and 'annotations', but got list",
        ),
        ('', ': the file is empty.'),
    ],
)
def test_other_files_are_refused_in_one_line(written, text, message):
    path = written(text)

    with pytest.raises(ValueError, match=re.escape(f'{path}{message}')):
        read_coco_labels(path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.json: no such file'):
        read_coco_labels(tmp_path / 'none.json')
