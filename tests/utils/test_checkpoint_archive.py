"""Checkpoints whose bytes have changed since they were saved are refused."""

import io
import zipfile

import pytest
import torch

from mmgala.utils.checkpoint import read_checkpoint, read_latest_checkpoint
from mmgala.utils.checkpoint_archive import altered_part
from mmgala.utils.checkpoint_loading import DamagedCheckpointError, load_plain

WEIGHTS = torch.arange(1.0, 257.0)


@pytest.fixture
def saved(tmp_path):
    torch.save({'state_dict': {'fc.weight': WEIGHTS}}, tmp_path / 'x.pth')
    return tmp_path / 'x.pth'


def flip_a_weight(path):
    content = bytearray(path.read_bytes())
    content[content.index(WEIGHTS.numpy().tobytes()) + 101] ^= 1
    path.write_bytes(content)


def test_pytorch_itself_reads_another_weight_in_silence(saved):
    flip_a_weight(saved)

    weights = torch.load(saved, weights_only=True)['state_dict']['fc.weight']

    assert (weights != WEIGHTS).sum() == 1


def test_a_flipped_bit_is_noticed(saved):
    flip_a_weight(saved)

    with pytest.raises(DamagedCheckpointError, match=r'x\.pth.*data/0.*Copy') as error:
        read_checkpoint(saved)

    assert len(str(error.value).splitlines()) == 1


def test_resuming_takes_the_one_before_it(saved):
    whole = saved.with_name('epoch_1.pth')
    whole.write_bytes(saved.read_bytes())
    flip_a_weight(saved)
    saved.with_name('last_checkpoint').write_text(str(saved))

    path, checkpoint = read_latest_checkpoint(saved.parent)

    assert path == str(whole)
    assert torch.equal(checkpoint['state_dict']['fc.weight'], WEIGHTS)


def test_open_files_are_checked_too_and_keep_their_position(saved):
    file = io.BytesIO(saved.read_bytes())
    assert torch.equal(load_plain(file)['state_dict']['fc.weight'], WEIGHTS)
    flip_a_weight(saved)

    with pytest.raises(DamagedCheckpointError, match='checksum'):
        load_plain(io.BytesIO(saved.read_bytes()))


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_what_is_whole_has_no_altered_part(tmp_path, zipped):
    path = tmp_path / 'x.pth'
    torch.save([WEIGHTS], path, _use_new_zipfile_serialization=zipped)

    assert altered_part(path) is None


def test_files_without_checksums_are_read(saved):
    """As of `torch.serialization.set_crc32_options(False)`: all are 0."""
    with zipfile.ZipFile(saved) as archive:
        sums = [part.CRC for part in archive.infolist()]
    content = saved.read_bytes()
    for checksum in sums:
        content = content.replace(checksum.to_bytes(4, 'little'), bytes(4))
    saved.write_bytes(content)

    read = read_checkpoint(saved)['state_dict']['fc.weight']

    assert torch.equal(read, WEIGHTS)


def test_parts_that_overlap_are_not_read(tmp_path):
    path = tmp_path / 'x.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', bytes(1000))
        archive.filelist += archive.filelist * 9

    with pytest.raises(DamagedCheckpointError, match='overlap'):
        read_checkpoint(path)
