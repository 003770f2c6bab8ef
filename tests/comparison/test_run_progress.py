"""What is shown of validations while the runs of a comparison are trained."""

import pytest

from mmgala.comparison.run_progress import RunProgress
from mmgala.comparison.run_times import Work

HEADER = 'epoch   top-1'


def shown(capsys, number):
    progress = RunProgress([Work(f'run {k}', 'gala') for k in range(number)])
    for k in range(number):
        progress.told(f'run {k}', HEADER)
        progress.told(f'run {k}', f'    {k}    50.0')
    return capsys.readouterr().err.splitlines()


def test_one_run_is_a_table(capsys):
    assert shown(capsys, 1) == [HEADER, '    0    50.0']


@pytest.mark.parametrize('number', [2, 3])
def test_few_runs_share_a_table_with_their_names(capsys, number):
    rows = [f'    {k}    50.0  run {k}' for k in range(number)]
    assert shown(capsys, number) == [HEADER, *rows]


def test_of_many_runs_nothing_is_shown(capsys):
    assert shown(capsys, 4) == []
