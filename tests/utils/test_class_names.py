"""Class names: order, comparison and display."""

import pytest

from mmgala.utils.class_names import (
    check_same_names,
    comparable_name,
    list_names,
    sort_class_names,
)


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (map(str, range(12)), [str(c) for c in range(12)]),
        (['-1', '10', '9'], ['-1', '9', '10']),
        (['10', '9', 'x'], ['10', '9', 'x']),
        (['2.5', '10', '9'], ['10', '2.5', '9']),
        (['01', '1', '0'], ['0', '01', '1']),
    ],
)
def test_names_are_sorted_as_numbers_only_if_all_are_integers(names, expected):
    assert sort_class_names(names) == expected


def test_names_are_compared_in_composed_form():
    assert comparable_name('cafe\u0301') == comparable_name('caf\u00e9')
    assert comparable_name(3) == comparable_name('3')


def test_long_lists_are_abbreviated_and_odd_names_quoted():
    assert list_names(['a', ' b']) == "a, ' b'"
    assert list_names([str(c) for c in range(7)]) == '0, 1, 2, 3, 4 and 2 more'


@pytest.mark.parametrize(
    ('other', 'where'),
    [(['a', 'c'], "class 1 is 'b' and 'c'"), (['a'], '2 and 1 classes')],
)
def test_scores_of_different_classes_are_not_combined(other, where):
    check_same_names(['a', 'b'], ['a', 'b'], ('x', 'y'))
    check_same_names(['a', 'b'], None, ('x', 'y'))
    with pytest.raises(ValueError, match=rf'x and y have.*{where}.*write both again'):
        check_same_names(['a', 'b'], other, ('x', 'y'))
