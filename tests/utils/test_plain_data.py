"""Values of all types become data that can be read without executing code."""

from collections import OrderedDict, defaultdict
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict

from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.plain_data import plain_data


class Size(IntEnum):
    """An integer with a name."""

    SMALL = 3


class Unknown:
    """An object of the user's."""

    def __str__(self):
        return 'unknown'


CASES = {
    'text': (np.str_('cat'), 'cat'),
    'texts': (np.array([['a'], ['b']]), [['a'], ['b']]),
    'numbers': ((np.uint8(3), np.float16(0.5), np.bool_(True)), (3, 0.5, True)),
    'objects': (np.array(['a', None, np.int8(2)], dtype=object), ['a', None, 2]),
    'mappings': (ConfigDict(a=defaultdict(list, b=[1])), {'a': {'b': [1]}}),
    'ordered': (OrderedDict(a=1), {'a': 1}),
    'path': (Path('a') / 'b', 'a/b'),
    'sequences': ((range(2), frozenset({1}), {2}), ([0, 1], [1], {2})),
    'integer': (Size.SMALL, 3),
    'other': ([Unknown()], ['unknown']),
    'day': (np.datetime64('2026-01-01'), '2026-01-01'),
}


@pytest.mark.parametrize('case', CASES)
def test_a_value_becomes_plain_and_can_be_read(tmp_path, case):
    value, expected = CASES[case]

    found = plain_data({case: value})
    torch.save({'state_dict': {}, 'meta': found}, tmp_path / 'x.pth')

    assert found == {case: expected}
    assert repr(found) == repr({case: expected})  # no subclasses
    assert read_checkpoint(tmp_path / 'x.pth')['meta'] == {case: expected}


@pytest.mark.parametrize(
    'value', [np.arange(3, dtype=np.int16), torch.ones(2), torch.float32, 1.5, b'x']
)
def test_numbers_and_plain_values_stay(value):
    assert plain_data([value])[0] is value
