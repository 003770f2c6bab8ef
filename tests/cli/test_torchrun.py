"""The launcher of tools/dist_*.sh: where it listens, and how failures end."""

import socket
import subprocess
import sys

import pytest

from tests.tools.command_line import environment


def torchrun(
    folder, script, processes=2, place=('--standalone',), arguments=(), **variables
):
    (folder / 'script.py').write_text(script)
    return subprocess.run(
        [sys.executable, '-m', 'mmgala.cli.torchrun', *place, '--nproc-per-node',
         str(processes), str(folder / 'script.py'), *arguments],
        env=environment(**variables), capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize('port', [False, True], ids=['any port', 'given port'])
def test_one_machine_is_listened_to_on_the_loopback_interface_only(tmp_path, port):
    place = ['--standalone']
    if port:
        with socket.create_server(('127.0.0.1', 0)) as free:
            number = free.getsockname()[1]
        place = ['--nnodes', '1', '--master-addr', '127.0.0.1',
                 '--master-port', str(number)]  # fmt: skip
    result = torchrun(tmp_path, """
import os, torch.distributed as dist
dist.init_process_group('gloo')
dist.barrier()
if dist.get_rank() == 0:
    mine = set()
    for pid in (os.getpid(), os.getppid()):
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                mine.add(os.readlink(f'/proc/{pid}/fd/{fd}'))
            except OSError:
                pass
    for table in ('tcp', 'tcp6'):
        for line in open(f'/proc/net/{table}').read().splitlines()[1:]:
            fields = line.split()
            if fields[3] == '0A' and f'socket:[{fields[9]}]' in mine:
                print('listens', fields[1].split(':')[0])
dist.barrier()
dist.destroy_process_group()
""", place=place)  # fmt: skip

    assert result.returncode == 0, result.stderr
    loopback = {'0100007F', '00000000000000000000000001000000'}
    found = {line.split()[1] for line in result.stdout.splitlines()}
    assert found
    assert found <= loopback


def test_a_failing_process_has_the_only_word(tmp_path):
    result = torchrun(tmp_path, """
import os, sys, time
if os.environ['RANK'] == '1':
    sys.exit('error: no such file')
time.sleep(100)
""")  # fmt: skip

    assert result.returncode == 1
    assert result.stderr == 'error: no such file\n'


def test_a_killed_process_is_reported(tmp_path):
    result = torchrun(tmp_path, """
import os, signal, time
if os.environ['RANK'] == '1':
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(100)
""")  # fmt: skip

    assert result.returncode == 128 + 9
    assert result.stderr == 'error: rank 1 was killed by signal 9: out of memory?\n'


def test_the_launcher_says_that_it_was_terminated_if_no_rank_does(tmp_path):
    """They may have done their work, for example."""
    files = tmp_path / 'files'
    files.mkdir()
    result = torchrun(tmp_path, """
import os, signal, time
signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
if os.environ['RANK'] == '0':
    os.kill(os.getppid(), signal.SIGTERM)
time.sleep(100)
""", TMPDIR=str(files))  # fmt: skip

    assert result.returncode == 143
    assert result.stderr == 'error: terminated; run the same command again.\n'
    assert not list(files.glob('mmgala-*'))


@pytest.mark.parametrize('failing', ['0, 1, 2', '2'])
def test_one_rank_says_what_is_wrong(tmp_path, failing):
    result = torchrun(tmp_path, f"""
import os, time
from mmgala.cli.command import command

@command
def main():
    if int(os.environ['RANK']) in ({failing},):
        raise ValueError('tau is -1')
    time.sleep(100)

main()
""", processes=3)  # fmt: skip

    assert result.returncode == 1
    assert result.stderr == 'error: tau is -1\n'


def test_one_rank_says_that_the_command_line_is_wrong(tmp_path):
    result = torchrun(tmp_path, """
import argparse
from mmgala.cli.arguments import add_launcher_arguments, parse_launched_args
parser = argparse.ArgumentParser()
add_launcher_arguments(parser)
parse_launched_args(parser)
""", arguments=['--wrong'])  # fmt: skip

    assert result.returncode == 2
    assert result.stderr.count('unrecognized arguments: --wrong') == 1
