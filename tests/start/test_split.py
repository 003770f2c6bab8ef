"""The split: shares, rare classes, seeds, and parts of the user."""

import csv
import io
from collections import Counter

import pytest

from mmgala.start.source import Item
from mmgala.start.split import check_fractions, split_images

COUNTS = {'huge': 1000, 'big': 57, 'seven': 7, 'three': 3, 'two': 2, 'one': 1}


def items(counts, part=''):
    return [
        Item(f'{name}/{part}{number}.png', name, part)
        for name, count in counts.items()
        for number in range(count)
    ]


def counted(split):
    return {
        name: tuple(
            sum((i.label, i.part) == (name, part) for i in split.items)
            for part in ('train', 'val', 'test')
        )
        for name in {item.label for item in split.items}
    }


def test_every_image_is_in_one_part_and_every_class_is_stratified():
    split = split_images(items(COUNTS), 0.2, 0.1, seed=0)

    assert sorted(i.path for i in split.items) == sorted(i.path for i in items(COUNTS))
    # By hand: a fifth and a tenth, rounded, at least 1 from three images on.
    assert counted(split) == {
        'huge': (700, 200, 100), 'big': (40, 11, 6), 'seven': (5, 1, 1),
        'three': (1, 1, 1), 'two': (2, 0, 0), 'one': (1, 0, 0),
    }  # fmt: skip
    assert '2 classes have fewer than 3 images (one, two)' in split.remarks[0]


@pytest.mark.parametrize('number', range(3, 30))
@pytest.mark.parametrize('shares', [(0.2, 0.2), (0.4, 0.4), (0.05, 0.7), (0.1, 0.01)])
def test_no_part_is_empty_from_three_images_on(number, shares):
    split = split_images(items({'a': number}), *shares, seed=1)
    assert min(counted(split)['a']) >= 1


def test_classes_that_are_all_too_small():
    with pytest.raises(ValueError, match='No image is left for val: no class has 3'):
        split_images(items({'a': 2, 'b': 2}), 0.2, 0.2, seed=0)


def test_seed_decides_and_the_order_of_files_does_not():
    def chosen(seed, given):
        return {
            i.path for i in split_images(given, 0.2, 0.2, seed).items if i.part == 'val'
        }

    given = items(COUNTS)
    assert chosen(0, given) == chosen(0, given[::-1])
    assert chosen(0, given) != chosen(1, given)


def test_other_classes_change_nothing():
    def parts_of_big(counts):
        split = split_images(items(counts), 0.2, 0.2, seed=0)
        return {i.path: i.part for i in split.items if i.label == 'big'}

    assert parts_of_big(COUNTS) == parts_of_big({'big': 57, 'new': 9})


def test_images_of_a_part_are_spread_over_the_file_names():
    split = split_images(items({'huge': 1000}), 0.2, 0.2, seed=0)
    numbers = [int(i.path[5:-4]) for i in split.items if i.part == 'test']
    # A uniform sample of 200 has a mean within 4 standard errors of 499.5.
    assert abs(sum(numbers) / 200 - 499.5) < 4 * 288.7 / 200**0.5


def test_parts_of_the_user_stay():
    given = [*items({'a': 5, 'b': 4}, 'train'), *items({'a': 2}, 'val'),
             *items({'a': 1, 'b': 3}, 'test')]  # fmt: skip

    split = split_images(given, 0.2, 0.2, seed=0)

    assert {(i.path, i.part) for i in split.items} == {(i.path, i.part) for i in given}
    assert split.origin == 'your own parts'
    assert split.remarks == ['1 class has no images in your val part (b).']


def test_a_missing_part_is_taken_from_training():
    given = [*items({'a': 10, 'b': 2, 'c': 1}, 'train'), *items({'a': 3}, 'test')]

    split = split_images(given, 0.2, 0.2, seed=0)

    assert counted(split) == {'a': (8, 2, 3), 'b': (1, 1, 0), 'c': (1, 0, 0)}
    assert 'val taken from train' in split.origin


def test_a_class_without_training_images_is_refused():
    given = [*items({'a': 3, 'b': 3}, 'train'), *items({'x y': 3}, 'test')]
    message = r'1 class of the test part has .*\(x y; first x y/test0\.png\).*add some'
    with pytest.raises(ValueError, match=message) as refused:
        split_images(given, 0.2, 0.2, seed=0)
    assert str(refused.value).endswith('or remove it.')


def test_a_class_that_is_misspelt_in_one_part_is_recognised():
    given = [*items({'circle': 3, 'b': 3}, 'train'), *items({'cirlce': 1}, 'test')]
    message = r'first cirlce/test0\.png\).*correct the name.* Did you mean circle\?$'
    with pytest.raises(ValueError, match=message):
        split_images(given, 0.2, 0.2, seed=0)


def test_csv_has_a_row_for_each_image():
    given = [
        Item('a b/1,2.png', 'a "b"', 'train'), Item('é/3.png', 'é', 'val'),
        Item('é/4.png', 'é', 'test'), Item('é/5.png', 'é', 'train'),
    ]  # fmt: skip
    split = split_images(given, 0.2, 0.2, seed=0)

    rows = [*csv.DictReader(io.StringIO(split.as_csv()))]

    assert Counter((r['path'], r['label'], r['split']) for r in rows) == {
        (item.path, item.label, item.part): 1 for item in given
    }


@pytest.mark.parametrize(
    ('val', 'test', 'message'),
    [
        (0, 0.2, '--val-fraction.*is 0'),
        (0.2, 1.5, '--test-fraction.*is 1.5'),
        (0.5, 0.5, '0.5.*smaller'),
        (float('nan'), 0.2, 'nan'),
    ],
)
def test_bad_fractions(val, test, message):
    with pytest.raises(ValueError, match=message):
        check_fractions(val, test)
