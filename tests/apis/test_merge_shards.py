"""What cannot be merged into one file is refused in one line that says what to do."""

import re

import pytest
import torch

from mmgala.apis.merge_shards import merge_shares
from mmgala.sharding import ClassShards
from mmgala.sharding.checkpoint import save_shares
from mmgala.utils.checkpoint import read_checkpoint

NUM_CLASSES = 5
FOLDER = 'epoch_3.20260101_12.shards'
META = dict(class_shards=dict(folder=FOLDER, order=''))
MARK = {'head.classes_shared_out': torch.tensor(NUM_CLASSES)}
WEIGHT = torch.arange(10.0).reshape(NUM_CLASSES, 2)


@pytest.fixture
def checkpoint(tmp_path):
    """A file and a folder beside it, as several ranks write them."""
    shares = [
        ('head.fc.weight', WEIGHT, 0),
        ('optimizer.head.fc.weight.momentum_buffer', WEIGHT + 1, 0),
    ]
    save_shares(tmp_path / FOLDER, shares, ClassShards(NUM_CLASSES))
    write(tmp_path / 'epoch_3.pth')
    return tmp_path / 'epoch_3.pth'


def write(path, meta=META, marks=MARK):
    layer = {'layer.weight': torch.ones(2)}
    torch.save(dict(meta=meta, state_dict=layer | marks, optimizer={}), path)


def share(checkpoint):
    """The file with the share of the one rank."""
    (path,) = checkpoint.parent.glob('*.shards/*.distcp')
    return path


def refused(checkpoint, *words, out='one.pth', kind=ValueError):
    """Assert one line with these words, and that nothing is written."""
    out = checkpoint.parent / out
    before = out.exists()
    with pytest.raises(kind) as caught:
        merge_shares(checkpoint, out)
    text = str(caught.value)
    assert '\n' not in text
    assert re.search('.*'.join(words), text), text
    assert out.exists() == before


def test_weights_of_all_classes_are_in_the_file(checkpoint, tmp_path):
    (tmp_path / 'one.pth').write_text('an earlier file, which is replaced')

    assert merge_shares(checkpoint, tmp_path / 'one.pth') == NUM_CLASSES

    merged = read_checkpoint(tmp_path / 'one.pth')
    assert set(merged['state_dict']) == {'layer.weight', 'head.fc.weight'}
    assert torch.equal(merged['state_dict']['head.fc.weight'], WEIGHT)
    assert 'class_shards' not in merged['meta']
    assert 'optimizer' not in merged


def test_a_missing_file(checkpoint):
    refused(
        checkpoint.with_name('epoch_4.pth'), 'epoch_4.pth does not exist',
        'Did you mean .*epoch_3.pth', kind=FileNotFoundError,
    )  # fmt: skip


def test_the_folder_in_place_of_the_file(checkpoint):
    folder = checkpoint.with_name(FOLDER)
    refused(folder, FOLDER, 'file beside it, epoch_3.pth', kind=IsADirectoryError)


def test_another_folder_in_place_of_the_file(checkpoint):
    refused(checkpoint.parent, 'folder: give a file in it', kind=IsADirectoryError)


def test_a_file_that_is_no_checkpoint(checkpoint):
    checkpoint.write_text('hello')
    refused(checkpoint, 'epoch_3.pth cannot be read', 'not a checkpoint')


def test_a_file_with_all_classes(checkpoint):
    write(checkpoint, meta={}, marks={})
    refused(checkpoint, 'epoch_3.pth has no shares', 'use it as it is')


@pytest.mark.parametrize(
    ('meta', 'marks', 'missing'),
    [({}, MARK, r'meta\.class_shards'), (META, {}, r'classes_shared_out')],
)
def test_a_file_whose_parts_disagree(checkpoint, meta, marks, missing):
    write(checkpoint, meta, marks)
    refused(checkpoint, 'epoch_3.pth was changed', missing, 'training wrote')


@pytest.mark.parametrize('note', ['x', {}, dict(folder=3, order='')], ids=str)
def test_a_note_of_the_wrong_type(checkpoint, note):
    write(checkpoint, meta=dict(class_shards=note))
    refused(checkpoint, re.escape(f'meta.class_shards is {note!r}'), 'Use another')


def test_a_missing_folder(checkpoint):
    checkpoint.with_name(FOLDER).rename(checkpoint.with_name('elsewhere'))
    refused(checkpoint, FOLDER, 'missing', 'copy', kind=FileNotFoundError)


def test_a_folder_that_is_not_complete(checkpoint):
    (checkpoint.with_name(FOLDER) / '.metadata').unlink()
    refused(checkpoint, FOLDER, 'not complete', 'copy', kind=FileNotFoundError)


def test_a_missing_share(checkpoint):
    name = share(checkpoint).name
    share(checkpoint).unlink()
    refused(checkpoint, name, 'missing', 'copy', kind=FileNotFoundError)


def test_a_share_that_was_cut_off(checkpoint):
    path = share(checkpoint)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    refused(checkpoint, path.name, f'{size // 2} of {size} bytes', 'Copy')


def test_a_damaged_share(checkpoint):
    share(checkpoint).write_bytes(bytes(share(checkpoint).stat().st_size))
    refused(checkpoint, FOLDER, r'damaged \(UnpicklingError: [\w ]*\)', 'Copy')


@pytest.mark.parametrize('content', [b'', b'hello', b'\x80\xff.'])
def test_a_damaged_table_of_contents(checkpoint, content):
    (checkpoint.with_name(FOLDER) / '.metadata').write_bytes(content)
    refused(checkpoint, FOLDER, 'damaged', 'Copy')


def test_the_checkpoint_as_output(checkpoint):
    refused(checkpoint, 'OUT .*epoch_3.pth', 'another file', out='epoch_3.pth')


def test_a_folder_as_output(checkpoint):
    refused(checkpoint, FOLDER, 'folder', 'another name', out=FOLDER,
            kind=IsADirectoryError)  # fmt: skip


def test_an_output_below_a_file(checkpoint):
    refused(checkpoint, 'epoch_3.pth is not a folder', 'another name',
            out='epoch_3.pth/one.pth', kind=NotADirectoryError)  # fmt: skip
