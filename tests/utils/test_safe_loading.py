"""Whatever reads a file, code in it does not run while the gate is closed."""

import io
import multiprocessing
import os
import pathlib
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import joblib
import mmengine
import numpy as np
import pytest
import torch
import yaml
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from torch.utils.data import DataLoader

from benchmarks.reliability.bombs import FORMATS, write_bomb
from mmgala.utils import checkpoint_loading
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.safe_loading import (
    RefusedContentError,
    only_plain_data,
    refusal,
)


def read_raw(path):
    return pickle.loads(path.read_bytes(), encoding='latin1')  # as MMPretrain's CIFAR10


def read_with_python(path):
    with open(path, 'rb') as file:
        return pickle._Unpickler(file).load()


class OwnUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        return super().find_class(module, name)


def read_with_subclass(path):
    with open(path, 'rb') as file:
        return OwnUnpickler(file).load()


REPOSITORY = Path(__file__).parents[2]
READERS = {
    'torch': ('pth', lambda path: torch.load(path, weights_only=False)),
    'torch, old format': (
        'legacy.pth',
        lambda path: torch.load(path, weights_only=False),
    ),
    'torch, own pickle module': (
        'pth',
        lambda path: torch.load(path, weights_only=False, pickle_module=pickle),
    ),
    'torch, from memory': (
        'pth',
        lambda path: torch.load(io.BytesIO(path.read_bytes()), weights_only=False),
    ),
    'mmengine weights': (
        'pth',
        lambda path: CheckpointLoader.load_checkpoint(str(path)),
    ),
    'mmengine pickle': ('pkl', mmengine.load),
    'pickle': ('pkl', read_raw),
    'pickle in Python': ('pkl', read_with_python),
    'subclass of the unpickler': ('pkl', read_with_subclass),
    'joblib': ('pkl', joblib.load),
    'npy': ('npy', lambda path: np.load(path, allow_pickle=True)),
    'npz': ('npz', lambda path: np.load(path, allow_pickle=True)['a']),
    'numpy pickle': ('pkl', lambda path: np.load(path, allow_pickle=True)),
    'yaml': ('yaml', lambda path: yaml.unsafe_load(path.read_text())),
    'mmengine yaml': ('yaml', mmengine.load),
}


@pytest.mark.parametrize('reader', READERS)
def test_a_bomb_is_refused_by_one_gate(tmp_path, reader):
    kind, read = READERS[reader]
    path, victim = write_bomb(tmp_path, kind)

    with only_plain_data(), pytest.raises(Exception):  # noqa: B017, PT011
        read(path)

    assert not victim.exists()


@pytest.mark.parametrize('reader', sorted(set(READERS) - {'mmengine weights'}))
def test_the_same_bombs_go_off_without_the_gate(tmp_path, reader):
    kind, read = READERS[reader]
    path, victim = write_bomb(tmp_path, kind)

    read(path)

    assert victim.exists()


@pytest.mark.parametrize('kind', FORMATS)
def test_the_message_names_the_file_and_what_was_blocked(tmp_path, kind):
    path, _ = write_bomb(tmp_path, kind)
    readers = {'npy': 'npy', 'npz': 'npz', 'yaml': 'mmengine yaml', 'pkl': 'joblib'}
    read = READERS[readers.get(kind, 'torch')][1]

    with only_plain_data(), pytest.raises(Exception) as error:  # noqa: PT011
        read(path)

    caught = error.value
    text = refusal(caught) if isinstance(caught, pickle.UnpicklingError) else caught
    assert str(text).startswith(f'{path} was not loaded: ')
    assert any(word in str(text) for word in ('io.open', 'builtins.open'))
    assert len(str(text).splitlines()) == 1


def test_plain_pickles_are_read(tmp_path):
    content = {
        'data_list': [OrderedDict(img_path='a.png', gt_label=3)],
        'array': np.arange(3, dtype=np.float32),
        'scalar': np.float64(0.5),
        'set': {1, 2},
        'bytes': b'\x80',
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f'{protocol}.pkl'
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        with only_plain_data():
            found = mmengine.load(path)
        assert found['array'].tolist() == [0, 1, 2]
        assert found['array'].dtype == np.float32
        del found['array']
        assert found == {k: v for k, v in content.items() if k != 'array'}


def test_plain_yaml_is_read():
    with only_plain_data():
        assert yaml.unsafe_load('a: [1, 2.5, x]') == {'a': [1, 2.5, 'x']}


def test_a_type_that_the_user_allows_is_read(tmp_path):
    (tmp_path / 'x.pkl').write_bytes(pickle.dumps(pathlib.PurePosixPath('a')))
    with only_plain_data():
        with pytest.raises(RefusedContentError, match=r'pathlib\.PurePosixPath'):
            mmengine.load(tmp_path / 'x.pkl')
        with torch.serialization.safe_globals([pathlib.PurePosixPath]):
            found = mmengine.load(tmp_path / 'x.pkl')
    assert found == pathlib.PurePosixPath('a')


class Paths(torch.utils.data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return pathlib.PurePosixPath(str(index)), torch.tensor(index)


def test_loader_workers_still_send_what_they_like():
    with only_plain_data():
        loader = DataLoader(Paths(), num_workers=1, collate_fn=list)
        found = [one for batch in loader for one in batch]
    assert found == [(pathlib.PurePosixPath(str(i)), torch.tensor(i)) for i in (0, 1)]


def _read(path, queue):
    try:
        queue.put(torch.load(path, weights_only=False))
    except Exception as error:
        queue.put(type(error).__name__)


def test_forked_processes_are_closed_too(tmp_path):
    path, victim = write_bomb(tmp_path, 'pth')
    context = multiprocessing.get_context('fork')
    with only_plain_data():
        queue = context.Queue()
        process = context.Process(target=_read, args=(path, queue))
        process.start()
        assert queue.get(timeout=60) == 'UnpicklingError'
        process.join()
    assert not victim.exists()


def run_python(*arguments, path=''):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, 'PYTHONPATH': f'{REPOSITORY}{os.pathsep}{path}'},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_child_started_by_multiprocessing_closes_itself(tmp_path):
    path, victim = write_bomb(tmp_path, 'pkl')
    script = tmp_path / 'tool.py'
    script.write_text(
        'import multiprocessing, mmengine\n'
        'from mmgala.cli.command import command\n'
        '@command\n'
        'def main():\n'
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        f'        pool.apply(mmengine.load, ({str(path)!r},))\n'
        "if __name__ == '__main__':\n"
        '    main()\n'
    )
    ended = run_python(script)
    assert not victim.exists()
    assert ended.returncode == 1
    assert 'io.open' in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    'program', [['tools/train.py'], ['-m', 'mmgala', 'train'], ['mmgala', 'train']]
)
def test_children_of_our_own_programs_close_themselves(tmp_path, monkeypatch, program):
    path, victim = write_bomb(tmp_path, 'pkl')
    (tmp_path / 'spawning.py').write_text(
        'import multiprocessing, mmengine\n'
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        f'    pool.apply(mmengine.load, ({str(path)!r},))\n'
    )
    config = tmp_path / 'config.py'
    config.write_text("custom_imports = dict(imports=['spawning'])\n")
    command = tmp_path / 'mmgala'  # as pip writes it
    command.write_text(
        'import sys\nfrom mmgala.cli.main import main\n'
        "if __name__ == '__main__':\n    sys.exit(main())\n"
    )
    places = {'tools/train.py': REPOSITORY / 'tools/train.py', 'mmgala': command}
    if program[0] in places:
        program = [places[program[0]], *program[1:]]
    monkeypatch.chdir(tmp_path)

    ended = run_python(*program, config, path=tmp_path)

    assert not victim.exists()
    assert ended.returncode == 1
    assert 'io.open' in ended.stderr.strip().splitlines()[-1]


def test_blocks_nest_and_leave_everything_as_it_was(monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    before = CheckpointLoader.__dict__['load_checkpoint']
    listed = set(torch.serialization.get_safe_globals())

    with only_plain_data():
        with only_plain_data():
            pass
        assert os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] == '1'
        assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' not in os.environ

    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
    assert CheckpointLoader.__dict__['load_checkpoint'] is before
    assert set(torch.serialization.get_safe_globals()) == listed


def test_a_setting_that_opens_the_gate_is_ignored_aloud(monkeypatch, capsys):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with only_plain_data():
        pass
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is ignored' in capsys.readouterr().err


def test_torchscript_is_refused(tmp_path):
    path = tmp_path / 'x.pth'
    torch.jit.script(torch.nn.Linear(1, 1)).save(path)
    with only_plain_data(), pytest.raises(ValueError, match=r'x\.pth.*TorchScript'):
        CheckpointLoader.load_checkpoint(str(path))


def test_the_gate_stays_closed_once_entered():
    code = (
        'import pickle, pathlib\n'
        'from mmgala.utils.safe_loading import enter_plain_data\n'
        'enter_plain_data()\n'
        'pickle.loads(pickle.dumps(pathlib.Path()))'
    )
    ended = run_python('-c', code)
    assert 'RefusedContentError' in ended.stderr


@pytest.mark.parametrize('target', ['pipe', '/dev/zero'])
@pytest.mark.parametrize('read', [Path.read_text, np.loadtxt, torch.load, mmengine.get])
def test_what_never_ends_is_refused(tmp_path, target, read):
    path = tmp_path / 'link'
    if target == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    with only_plain_data(), pytest.raises(ValueError, match=f'{path} is a pipe or a'):
        read(path)


def test_the_null_device_and_pipes_between_processes_are_read():
    with only_plain_data():
        assert Path('/dev/null').read_bytes() == b''
        echoed = subprocess.run(['echo', 'x'], capture_output=True, text=True)
        assert echoed.stdout == 'x\n'


OLD_READERS = (
    lambda path: torch.load(path, weights_only=False),
    read_checkpoint,
    lambda path: CheckpointLoader.load_checkpoint(path),
)


@pytest.fixture
def old_pytorch(monkeypatch):
    """As before PyTorch 2.5 and in the original MMEngine: no list of safe types."""
    monkeypatch.setattr(checkpoint_loading, '_READS_PLAIN_DATA', False)
    monkeypatch.setattr(
        'mmengine.runner.checkpoint._safe_torch_load',
        lambda *args, **kwargs: torch.load(*args, **kwargs, weights_only=False),
    )


@pytest.mark.usefixtures('old_pytorch')
@pytest.mark.parametrize('kind', ['pth', 'legacy.pth'])
def test_old_pytorch_refuses_the_same_bombs(tmp_path, kind):
    path, victim = write_bomb(tmp_path, kind)
    for read in OLD_READERS:
        with only_plain_data(), pytest.raises(ValueError, match=f'{path} was not'):
            read(str(path))
    assert not victim.exists()


@pytest.mark.usefixtures('old_pytorch')
def test_old_pytorch_reads_what_trainings_save(tmp_path):
    history = HistoryBuffer([1.0], [1])
    torch.save({'state_dict': {'a': torch.ones(2)}, 'x': history}, tmp_path / 'x.pth')
    for read in OLD_READERS:
        with only_plain_data():
            found = read(str(tmp_path / 'x.pth'))
        assert found['state_dict']['a'].tolist() == [1, 1]
        assert found['x'].data[0].tolist() == [1]
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'x.pth')  # everything is as it was
