"""Files and folders are there complete or not at all; locks keep others out."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from mmgala.utils.files import (
    check_writable,
    file_digest,
    locked,
    locked_folders,
    read_bytes,
    remove_abandoned,
    remove_unfinished,
    replacing,
    write_json,
    write_text,
)


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / 'new' / 'file.txt'
    with replacing(path) as unfinished:
        unfinished.write_text('text')
        assert not path.exists()
        assert unfinished.stat().st_dev == path.parent.stat().st_dev
    assert path.read_text() == 'text'
    assert os.listdir(path.parent) == ['file.txt']


def test_a_failure_leaves_what_was_there(tmp_path):
    (tmp_path / 'file.txt').write_text('old')

    def fill_the_disk():
        with replacing(tmp_path / 'file.txt') as unfinished:
            unfinished.write_text('half')
            raise OSError('disk full')

    with pytest.raises(OSError, match='full'):
        fill_the_disk()
    assert (tmp_path / 'file.txt').read_text() == 'old'
    assert os.listdir(tmp_path) == ['file.txt']


def test_a_full_disk_is_reported_with_the_name_of_the_file(tmp_path):
    def fill_the_disk():
        with replacing(tmp_path / 'x.npz'):
            raise OSError(errno.ENOSPC, 'No space left on device')

    with pytest.raises(OSError, match=r'No space left.*x\.npz'):
        fill_the_disk()


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with replacing(tmp_path / 'set') as unfinished:
        unfinished.mkdir()
        (unfinished / 'a').write_text('a')
        assert not (tmp_path / 'set').exists()
    assert os.listdir(tmp_path / 'set') == ['a']
    assert os.listdir(tmp_path) == ['set']


@pytest.mark.parametrize('mask', [0o022, 0o077])
def test_modes_are_those_of_other_new_files(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_text(tmp_path / 'ours', 'text')
        (tmp_path / 'plain').write_text('text')
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ('ours', 'plain')}
    assert modes == {0o666 & ~mask}


@pytest.mark.parametrize('name', ['file.txt', 'file.txt.partial'])
def test_links_are_not_followed(tmp_path, name):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    folder = tmp_path / 'out'
    folder.mkdir()
    (folder / name).symlink_to(victim)
    write_text(folder / 'file.txt', 'text')
    assert victim.read_text() == 'mine'
    assert (folder / 'file.txt').read_text() == 'text'


def test_text_is_utf_8_and_json_is_readable(tmp_path):
    write_text(tmp_path / 'text', 'köpfe')
    assert (tmp_path / 'text').read_bytes().decode() == 'köpfe'
    write_json(tmp_path / 'json', dict(a=[1, None]))
    assert json.loads((tmp_path / 'json').read_text()) == dict(a=[1, None])


def test_what_killed_processes_left_is_removed(tmp_path):
    (tmp_path / '.set.abc.partial' / 'set').mkdir(parents=True)
    (tmp_path / '.other.abc.partial').mkdir()
    (tmp_path / 'set').mkdir()
    remove_unfinished(tmp_path / 'set')
    assert sorted(os.listdir(tmp_path)) == ['.other.abc.partial', 'set']


def test_what_killed_processes_left_is_told_from_what_others_write(tmp_path):
    (tmp_path / '.train-1.abc.partial' / 'train-1').mkdir(parents=True)
    (tmp_path / '.val-2.abc.partial').mkdir()
    (tmp_path / 'train-3').mkdir()

    with locked(tmp_path / '.val-2.lock'):
        remove_abandoned(tmp_path)
        assert not (tmp_path / '.train-1.abc.partial').exists()
        assert (tmp_path / '.val-2.abc.partial').exists()

    remove_abandoned(tmp_path)
    assert os.listdir(tmp_path) == ['train-3']


ENTER = """
import sys
from pathlib import Path
from mmgala.utils.files import locked
with locked(Path(sys.argv[1]), *sys.argv[2:]):
    print('inside', flush=True)
"""


def test_a_lock_keeps_another_process_out(tmp_path):
    path = tmp_path / '.lock'
    enter = [sys.executable, '-c', ENTER, str(path)]
    with locked(path, 'busy'):
        end = subprocess.run([*enter, 'someone is here'], capture_output=True)
        assert b'BlockingIOError: someone is here' in end.stderr
        waiting = subprocess.Popen(enter, stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
    assert waiting.communicate(timeout=60)[0] == b'inside\n'
    assert os.listdir(tmp_path) == []


def test_a_process_that_waited_for_a_removed_lock_file_keeps_a_third_out(tmp_path):
    path = tmp_path / '.lock'
    enter = ENTER.replace("print('inside', flush=True)", 'sys.stdin.read()')
    with locked(path):
        waiting = subprocess.Popen(
            [sys.executable, '-c', enter, str(path)], stdin=subprocess.PIPE
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=2)  # it has opened the file, and waits
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)  # it locks a new file, as the old one was removed

    with pytest.raises(BlockingIOError, match='busy'), locked(path, 'busy'):
        pass

    waiting.communicate(timeout=60)
    assert os.listdir(tmp_path) == []


def test_a_file_system_without_locks_is_used_with_a_warning(tmp_path, monkeypatch):
    def acquire(self):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(FileLock, 'acquire', acquire)
    with pytest.warns(UserWarning, match='no locks'), locked(tmp_path / '.lock', 'x'):
        pass


def test_work_directories_are_locked_and_cleaned_of_killed_trainings(tmp_path):
    first, second = tmp_path / 'first', tmp_path / 'second'
    for name in (
        '.epoch_1.pth.abc.partial', '.config.py.x.partial', '.x.partial',
        '.last_checkpoint.x.partial', 'gradient_statistics/.epoch_1.npz.x.partial',
        '20261126_1/vis_data/.config.py.x.partial',
    ):  # fmt: skip
        (first / name).mkdir(parents=True)

    with locked_folders(first, second):
        for folder in (first, second):
            with (
                pytest.raises(BlockingIOError, match=f'{folder}.*--work-dir'),
                locked_folders(folder),
            ):
                pass

    left = sorted(path.name for path in first.rglob('*.partial'))
    assert left == ['.x.partial']
    with locked_folders(first, second):
        pass


def test_a_name_that_can_be_written_is_left_alone(tmp_path):
    check_writable(tmp_path / 'new' / 'folder' / 'x.npz')
    (tmp_path / 'old').write_text('old')
    check_writable(tmp_path / 'old')
    assert os.listdir(tmp_path) == ['old']
    assert (tmp_path / 'old').read_text() == 'old'


@pytest.mark.parametrize(
    ('name', 'error', 'message'),
    [
        ('folder', IsADirectoryError, 'folder is a folder'),
        ('file/x.npz', NotADirectoryError, 'file is not a folder'),
        ('dangling/x.npz', NotADirectoryError, 'dangling is not a folder'),
        ('/proc/x.npz', PermissionError, '/proc/x.npz cannot be written.*another name'),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(tmp_path, name, error, message):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'file').write_text('text')
    (tmp_path / 'dangling').symlink_to(tmp_path / 'nowhere')

    with pytest.raises(error, match=message):
        check_writable(tmp_path / name)


def test_digest_of_a_file_that_needs_several_reads(tmp_path):
    content = os.urandom(2_500_000)
    (tmp_path / 'file').write_bytes(content)
    assert file_digest(tmp_path / 'file') == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize('target', ['pipe', '/dev/zero'])
def test_whole_files_are_read_only_if_they_end(tmp_path, target):
    path = tmp_path / 'link'
    if target == 'pipe':
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    with pytest.raises(ValueError, match=f'{path} is a pipe or a device'):
        read_bytes(path)


def test_whole_files_are_read_up_to_a_size(tmp_path, monkeypatch):
    (tmp_path / 'x').write_bytes(b'1234')
    monkeypatch.setenv('MMGALA_MAX_TEXT_BYTES', '4')
    assert read_bytes(tmp_path / 'x') == b'1234'
    monkeypatch.setenv('MMGALA_MAX_TEXT_BYTES', '3')
    with pytest.raises(ValueError, match=r'x has 4 bytes.*3 .*MMGALA_MAX_TEXT_BYTES'):
        read_bytes(tmp_path / 'x')
