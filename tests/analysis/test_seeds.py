"""Runs that are seeds of one method, by their names."""

from pathlib import Path

import pytest

from mmgala.analysis.run_names import run_names
from mmgala.analysis.seeds import group_seeds, method_and_seed


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('CE_seed0', ('CE', 0)),
        ('GALA, seed 12', ('GALA', 12)),
        ('work/gala/seed3', ('work/gala', 3)),
        ('GALA (seed=1)', ('GALA', 1)),
        ('gala-seed-2-long', ('gala-long', 2)),
        ('ce_seed1 roi_head.loss_cls', ('ce roi_head.loss_cls', 1)),
        ('CE', ('CE', None)),
        ('seed 4', ('seed 4', None)),
        ('birdseed0', ('birdseed0', None)),
        ('seeds1', ('seeds1', None)),
    ],
)
def test_seeds_in_names(name, expected):
    assert method_and_seed(name) == expected


def test_runs_of_a_method_are_in_the_order_of_their_seeds():
    names = ['GALA, seed 2', 'CE, seed 0', 'GALA, seed 0', 'LDAM']
    methods = group_seeds(names)
    assert [(m.name, m.runs, m.seeds) for m in methods] == [
        ('GALA', (2, 0), (0, 2)),
        ('CE', (1,), (0,)),
        ('LDAM', (3,), (0,)),
    ]


def test_names_that_say_it_twice_are_methods_of_their_own():
    names = ['a_seed0', 'a seed 0', 'a_seed1', 'b', 'b_seed0']
    found = {m.name: m.runs for m in group_seeds(names)}
    assert found == {
        'a_seed0': (0,), 'a seed 0': (1,), 'a': (2,), 'b': (3,), 'b_seed0': (4,),
    }  # fmt: skip


def test_folders_of_a_comparison_are_named_by_method_and_seed():
    names = run_names([Path('work/ce/seed0'), Path('work/ce/seed1'), Path('x/b')], None)
    assert names == ['ce/seed0', 'ce/seed1', 'b']
    assert [m.name for m in group_seeds(names)] == ['ce', 'b']
