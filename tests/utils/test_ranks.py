"""The rank that a launcher has given to a process."""

import subprocess
import sys

import pytest

from mmgala.utils.ranks import DELAY, VARIABLES, launched_rank, speaks_for_all
from tests.tools.command_line import environment


@pytest.mark.parametrize(
    ('given', 'rank'),
    [
        ({}, 0),
        ({'RANK': '3'}, 3),
        ({'SLURM_PROCID': '2'}, 2),
        ({'OMPI_COMM_WORLD_RANK': '1'}, 1),
        ({'RANK': '0', 'SLURM_PROCID': '2'}, 0),
        ({'RANK': ''}, 0),
    ],
)
def test_rank_of_each_launcher(monkeypatch, given, rank):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert launched_rank() == rank


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Folder of a launch by torchrun."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / '1').mkdir()
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / '1' / 'error.json'))
    return tmp_path


def of_another_process():
    ask = 'from mmgala.utils.ranks import speaks_for_all; print(speaks_for_all())'
    return subprocess.run(
        [sys.executable, '-c', ask], env=environment(), capture_output=True, text=True
    ).stdout.strip()


def test_the_first_rank_that_fails_speaks_whichever_it_is(launch, monkeypatch):
    monkeypatch.setenv('RANK', '1')

    assert speaks_for_all()
    assert of_another_process() == 'False'
    assert speaks_for_all()  # the same process may fail again


@pytest.mark.parametrize('path', ['', '/missing/0/error.json', '/dev/null'])
def test_a_launch_without_a_folder_silences_nobody(launch, monkeypatch, path):
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', path)

    assert speaks_for_all()
    assert of_another_process() == 'True'


@pytest.mark.parametrize(('rank', 'waits'), [(0, []), (1, [DELAY])])
def test_other_launchers_end_the_ranks_that_wait_for_the_first(
    monkeypatch, rank, waits
):
    waited = []
    monkeypatch.delenv('TORCHELASTIC_ERROR_FILE', raising=False)
    monkeypatch.setenv('SLURM_PROCID', str(rank))
    monkeypatch.setattr('mmgala.utils.ranks.time.sleep', waited.append)

    assert speaks_for_all()
    assert waited == waits
