"""Checkpoints are read without running code, and checked against the model."""

import os
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmgala.utils import checkpoint, checkpoint_loading
from mmgala.utils.checkpoint import read_checkpoint, read_latest_checkpoint
from mmgala.utils.checkpoint_loading import DamagedCheckpointError
from tests.engine.small_training import small_config, train


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return train(small_config(tmp_path_factory.mktemp('trained')))


@pytest.fixture(params=['safe_globals', 'older PyTorch'])
def loader(request, monkeypatch):
    """Both ways of reading: of PyTorch 2.5 and later, and of older versions."""
    if request.param == 'older PyTorch':
        monkeypatch.setattr(checkpoint_loading, '_READS_PLAIN_DATA', False)


class Calls:
    """Pickles to a call of a function, as an attack does."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def attacks(victim):
    """Objects that create the file ``victim`` when they are unpickled."""
    return {
        'os.system': Calls(os.system, f'touch {victim}'),
        'eval': Calls(eval, f'open({str(victim)!r}, "w")'),
        'Path.touch': Calls(Path.touch, victim),
        'inside a buffer': HistoryBuffer([Calls(os.system, f'touch {victim}')], [1]),
        'inside an array': np.array(
            [Calls(os.system, f'touch {victim}')], dtype=object
        ),
    }


ATTACKS = list(attacks(Path('victim')))


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('attack', ATTACKS)
def test_checkpoint_that_would_run_code_is_refused_and_does_not_run(
    tmp_path, attack, zipped, loader
):
    path, victim = tmp_path / 'evil.pth', tmp_path / 'victim'
    content = {'state_dict': {}, 'message_hub': attacks(victim)[attack]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    with pytest.raises(ValueError, match='could run code|cannot be read') as error:
        read_checkpoint(path)

    assert not victim.exists()
    assert len(str(error.value).splitlines()) == 1
    assert str(path) in str(error.value)


@pytest.mark.parametrize('attack', ATTACKS)
def test_the_attacks_above_succeed_where_nobody_looks(tmp_path, attack):
    path, victim = tmp_path / 'evil.pth', tmp_path / 'victim'
    torch.save({'message_hub': attacks(victim)[attack]}, path)

    torch.load(path, weights_only=False)

    assert victim.exists()


@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, 'register_statistics'),
        (OrderedDict, 'mean'),
    ],
)
def test_getattr_is_allowed_for_the_methods_of_a_history_buffer_only(
    tmp_path, owner, name, loader
):
    path = tmp_path / 'x.pth'
    torch.save({'state_dict': {}, 'x': Calls(getattr, owner, name)}, path)

    with pytest.raises(ValueError, match='could run code'):
        read_checkpoint(path)


def test_real_training_checkpoint_is_read_whole(trained, loader):
    runner, path = trained
    with pytest.raises(Exception, match='HistoryBuffer'):
        torch.load(path, weights_only=True)  # so the buffers are in it
    before = set(torch.serialization.get_safe_globals())

    checkpoint = read_checkpoint(path)

    assert set(torch.serialization.get_safe_globals()) == before
    expected = runner.model.state_dict()
    assert list(checkpoint['state_dict']) == list(expected)
    for name, value in expected.items():
        assert torch.equal(checkpoint['state_dict'][name], value), name
    assert checkpoint['meta']['epoch'] == 1
    scalars = checkpoint['message_hub']['log_scalars']
    assert scalars['train/loss'].data[0].tolist() == (
        runner.message_hub.get_scalar('train/loss').data[0].tolist()
    )
    assert 'state' in checkpoint['optimizer']


def test_several_threads_read_at_once(trained):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_checkpoint, [trained[1]] * 40))

    assert all(checkpoint['meta']['epoch'] == 1 for checkpoint in found)


def test_bare_state_dict_is_wrapped(tmp_path):
    torch.save(OrderedDict(weight=torch.arange(3.0)), tmp_path / 'bare.pth')

    checkpoint = read_checkpoint(tmp_path / 'bare.pth')

    assert list(checkpoint) == ['state_dict']
    assert checkpoint['state_dict']['weight'].tolist() == [0, 1, 2]


@pytest.mark.parametrize('kept', [0.0, 0.01, 0.5, 0.999])
def test_truncated_checkpoint_is_refused(tmp_path, trained, kept):
    content = trained[1].read_bytes()
    path = tmp_path / 'truncated.pth'
    path.write_bytes(content[: int(kept * len(content))])

    with pytest.raises(
        ValueError, match=r'truncated\.pth cannot be read: it is'
    ) as error:
        read_checkpoint(path)

    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    'content', [b'a text file\n' * 20, b'\x80\x02.', b'\x80\x04K\x01.'], ids=str
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / 'x.pth').write_bytes(content)

    with pytest.raises(ValueError, match=r'x\.pth cannot be read'):
        read_checkpoint(tmp_path / 'x.pth')


@pytest.mark.parametrize('content', [[1, 2], 'text', {'state_dict': 3}], ids=str)
def test_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / 'x.pth')

    with pytest.raises(ValueError, match='contains no state dict'):
        read_checkpoint(tmp_path / 'x.pth')


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='Checkpoint .* does not exist'):
        read_checkpoint(tmp_path / 'nothing.pth')


@pytest.fixture
def work_dir(tmp_path):
    """Three checkpoints, written one after the other, and MMEngine's note."""
    for epoch in (1, 2, 3):
        path = tmp_path / f'epoch_{epoch}.pth'
        torch.save({'state_dict': {'epoch': torch.tensor(epoch)}}, path)
        os.utime(path, ns=(0, epoch * 10**9))
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])
    os.utime(path, ns=(0, 9 * 10**9))


def test_latest_checkpoint_is_the_noted_one(work_dir):
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'epoch_2.pth'))

    path, checkpoint = read_latest_checkpoint(work_dir)

    assert path == str(work_dir / 'epoch_2.pth')
    assert checkpoint['state_dict']['epoch'] == 2


@pytest.mark.parametrize(
    ('damage', 'epoch'),
    [
        (lambda folder: (folder / 'last_checkpoint').write_text(''), 3),
        (lambda folder: (folder / 'last_checkpoint').unlink(), 3),
        (lambda folder: (folder / 'last_checkpoint').write_text('/old/x.pth'), 3),
        (lambda folder: truncate(folder / 'epoch_3.pth'), 2),
        (lambda folder: (folder / 'epoch_3.pth').unlink(), 2),
    ],
    ids=['empty note', 'no note', 'moved', 'truncated', 'deleted'],
)
def test_latest_whole_checkpoint_is_found_after_a_kill(work_dir, damage, epoch):
    torch.save({'state_dict': {'epoch': torch.tensor(9)}}, work_dir / 'best_top1.pth')
    damage(work_dir)

    path, checkpoint = read_latest_checkpoint(work_dir)

    assert path == str(work_dir / f'epoch_{epoch}.pth')
    assert checkpoint['state_dict']['epoch'] == epoch


def test_no_checkpoint_to_continue_from(tmp_path):
    assert read_latest_checkpoint(tmp_path) is None
    assert read_latest_checkpoint(tmp_path / 'not_there') is None


def test_without_a_whole_checkpoint_there_is_none_to_continue_from(
    work_dir, monkeypatch
):
    lines = []
    monkeypatch.setattr(checkpoint, 'print_log', lambda line, **_: lines.append(line))
    for epoch in (1, 2):
        truncate(work_dir / f'epoch_{epoch}.pth')
    (work_dir / 'epoch_3.pth').write_bytes(b'')

    assert read_latest_checkpoint(work_dir) is None
    assert {re.search(r'epoch_\d', line)[0] for line in lines} == {
        'epoch_1', 'epoch_2', 'epoch_3'
    }  # fmt: skip


def test_a_checkpoint_that_would_run_code_is_not_skipped(work_dir, tmp_path):
    content = attacks(tmp_path / 'victim')['os.system']
    torch.save({'state_dict': {}, 'x': content}, work_dir / 'epoch_3.pth')

    with pytest.raises(ValueError, match=r'epoch_3\.pth was not loaded.*system'):
        read_latest_checkpoint(work_dir)


VALUES = {
    'text': np.str_('cat'),
    'names': np.array(['cat', 'dog']),
    'uint8': np.arange(3, dtype=np.uint8),
    'int16': np.arange(3, dtype=np.int16),
    'float16': np.float16(0.5),
    'objects': np.array(['cat', None, 3], dtype=object),
    'bytes': np.bytes_(b'cat'),
    'day': np.datetime64('2026-01-01'),
}


@pytest.mark.parametrize('kind', VALUES)
def test_types_of_numpy_are_read(tmp_path, kind, loader):
    torch.save({'state_dict': {}, 'x': VALUES[kind]}, tmp_path / 'x.pth')

    found = read_checkpoint(tmp_path / 'x.pth')['x']

    np.testing.assert_array_equal(found, VALUES[kind])
    assert getattr(found, 'dtype', None) == VALUES[kind].dtype


@pytest.mark.parametrize(
    'value',
    [Path('x'), Fraction(1, 2), Calls(print, 'x')],
    ids=lambda v: type(v).__name__,
)
def test_a_refused_type_is_named_as_the_cause(tmp_path, value, loader):
    torch.save({'state_dict': {}, 'x': value}, tmp_path / 'x.pth')
    name = value.__reduce__()[0].__name__

    with pytest.raises(ValueError, match=f'contains .*{name}, which could') as error:
        read_checkpoint(tmp_path / 'x.pth')

    assert not isinstance(error.value, DamagedCheckpointError)
