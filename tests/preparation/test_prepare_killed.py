"""A killed run leaves no partial data set, and the next run completes it."""

import json
import signal
import subprocess
import sys
import time

import pytest

from mmgala.preparation.prepare import LOCK_FILE, SCRATCH_FOLDER
from tests.preparation.archives import tree
from tests.preparation.tiny_set import LIST, assert_complete, prepare

# Prepares the small data set; with a second argument, stops while unpacking.
PROGRAM = """
import json, sys, tarfile, time
from pathlib import Path
from mmgala.preparation import run_plan, make_plan
from mmgala.preparation.data_set import Checksum
from mmgala.preparation.data_set import DataSet, Part

root, parts, stop_after = json.loads(sys.argv[1])
for part in parts:
    part['checksum'] = Checksum(**part['checksum'])
small = DataSet('small', 'unused', 'home', [Part(**part) for part in parts], [])
extract = tarfile.TarFile.extract
done = []

def stop(self, *args, **kwargs):
    extract(self, *args, **kwargs)
    done.append(1)
    if len(done) == stop_after:
        print('stopped', flush=True)
        time.sleep(60)

if stop_after:
    tarfile.TarFile.extract = stop
run_plan(make_plan(small, Path(root)), small, Path(root))
"""


@pytest.fixture
def start(small, root):
    """Prepare the data set in a separate process."""
    processes = []

    def start(stop_after=0):
        fields = ('target', 'source', 'url', 'size', 'packing', 'unpacked_size')
        parts = [
            {name: getattr(part, name) for name in fields}
            | {'checksum': vars(part.checksum)}
            for part in small.parts
        ]
        argument = json.dumps([str(root), parts, stop_after])
        command = [sys.executable, '-c', PROGRAM, argument]
        pipe = subprocess.PIPE
        processes.append(
            subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, 'it did not happen within a minute'
        time.sleep(0.01)


def test_killed_while_downloading(small, root, server, start):
    server.faults = [(None, None), ('hang', 100_000)]
    process = start()
    part = root / 'small.tar.gz.part'
    wait_for(lambda: part.exists() and part.stat().st_size == 100_000)

    kill(process)

    assert {path.name for path in root.iterdir()} == {
        'list.txt',
        LOCK_FILE,
        part.name,
        f'{part.name}.json',
    }
    prepare(small, root)
    assert_complete(root)
    assert [r.range for r in server.log] == [None, None, 'bytes=100000-']
    assert server.sent() == len(LIST) + small.parts[1].size


def test_killed_while_unpacking(small, root, server, start):
    process = start(stop_after=3)
    assert process.stdout.readline().startswith('downloading')
    wait_for(lambda: process.stdout.readline() == 'stopped\n')

    with pytest.raises(BlockingIOError, match='Another process is preparing'):
        prepare(small, root)
    kill(process)

    assert not (root / 'images').exists()
    assert len(tree(root / SCRATCH_FOLDER)) == 3
    # Unpacked files are not trusted, and removed if the archive lacks them.
    (root / SCRATCH_FOLDER / 'images' / 'stale.jpg').write_bytes(b'!')
    prepare(small, root)
    assert_complete(root)
    assert len(server.log) == 2
