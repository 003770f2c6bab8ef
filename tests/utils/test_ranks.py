"""The rank that a launcher has given to a process."""

import pytest

from mmgala.utils.ranks import VARIABLES, launched_rank


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
