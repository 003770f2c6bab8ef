"""Shares that do not fit the model are refused, and other errors are one line."""

import pytest
import torch

from mmgala.sharding import ClassShards
from mmgala.sharding.checkpoint import load_shares, save_shares

SHARES = [('fc.weight', torch.arange(10.0).reshape(5, 2), 0)]


@pytest.fixture
def folder(tmp_path):
    save_shares(tmp_path / 'shares', SHARES, ClassShards(5))
    return tmp_path / 'shares'


def test_what_was_saved_is_loaded(folder):
    found = load_shares(folder, SHARES, ClassShards(5))
    assert torch.equal(found['fc.weight'], SHARES[0][1])


@pytest.mark.parametrize(
    ('name', 'shape', 'message'),
    [
        ('fc.weight', (6, 2), '5 classes.*num_classes=6.*same number'),
        ('fc.weight', (5, 3), r'fc.weight is \(5, 2\).*\(5, 3\).*config'),
        ('fc.weight', (5,), r'fc.weight is \(5, 2\).*\(5,\).*config'),
        ('loss_module.seen', (5,), 'lacks loss_module.seen.*config'),
    ],
)
def test_another_model_is_refused(folder, name, shape, message):
    wanted = [(name, torch.empty(shape), 0)]
    with pytest.raises(ValueError, match=rf'^{folder} .*{message}'):
        load_shares(folder, wanted, ClassShards(shape[0]))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file') as caught:
        save_shares(tmp_path / 'file' / 'shares', SHARES, ClassShards(5))
    assert '\n' not in str(caught.value)
