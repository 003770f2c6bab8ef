"""The trainings that a comparison has left in its folder."""

import json
from pathlib import Path

import pytest

from mmgala.analysis.comparison_folders import (
    compared_runs,
    predictions_in,
    with_compared_runs,
)


def add_run(folder, method, seed, status='finished'):
    """The files of a run that matter here; a colon is in no folder's name."""
    run = folder / method.replace(':', '_') / f'seed{seed}'
    run.mkdir(parents=True)
    state = dict(status=status, method=method, seed=seed)
    (run / 'run.json').write_text(json.dumps(state))
    if status == 'finished':
        (run / 'test.npz').write_bytes(b'')
    return run


@pytest.fixture
def folder(tmp_path):
    """A comparison of three methods, one of them unfinished."""
    runs = [
        ('vs:tau=1', 10),
        ('vs:tau=1', 9),
        ('ce', 0),
        ('a', 0),
    ]
    for method, seed in runs:
        add_run(tmp_path, method, seed)
    add_run(tmp_path, 'gala', 0, 'started')
    rows = [dict(method='vs:tau=1'), dict(method='vs:tau=1'), dict(method='ce')]
    (tmp_path / 'results.json').write_text(json.dumps(dict(rows=rows)))
    return tmp_path


def test_finished_runs_come_in_the_order_of_the_table_and_of_the_seeds(folder):
    assert [*compared_runs(folder).items()] == [
        ('vs_tau=1, seed 9', folder / 'vs_tau=1/seed9'),
        ('vs_tau=1, seed 10', folder / 'vs_tau=1/seed10'),
        ('ce, seed 0', folder / 'ce/seed0'),
        ('a, seed 0', folder / 'a/seed0'),  # in no row of the table
    ]


NO_TABLES = ['', '[]', '{"rows": []}', 'nonsense', '{"rows": 3}', '{"rows": [[], {}]}']


@pytest.mark.parametrize('text', NO_TABLES)
def test_without_a_table_they_come_by_name(folder, text):
    (folder / 'results.json').write_text(text)
    names = [name.partition(',')[0] for name in compared_runs(folder)]
    assert names == ['a', 'ce', 'vs_tau=1', 'vs_tau=1']


@pytest.mark.parametrize('state', [{}, dict(method=[]), dict(method='ce', seed='x')])
def test_a_copy_or_an_edited_state_hides_no_run(folder, state):
    run = add_run(folder, 'copy', 3)
    (run / 'run.json').write_text(json.dumps({'status': 'finished', **state}))
    assert compared_runs(folder)['copy, seed 3'] == run
    assert len(compared_runs(folder)) == 5


def test_another_folder_is_left_alone(tmp_path):
    assert compared_runs(tmp_path) == {}
    work_dirs = [tmp_path / 'x', Path('y')]
    assert with_compared_runs(work_dirs, ['A', 'B']) == {
        'A': tmp_path / 'x', 'B': Path('y')
    }  # fmt: skip


def test_names_of_several_folders_tell_them_apart(folder):
    assert [*with_compared_runs([folder], ['mine'])] == [*compared_runs(folder)]
    both = with_compared_runs([folder, folder.parent / 'other'], ['mine', 'other'])
    assert [*both][0] == 'mine vs_tau=1, seed 9'
    assert both['other'] == folder.parent / 'other'


def test_a_comparison_without_a_finished_run_says_what_to_do(tmp_path):
    add_run(tmp_path, 'ce', 0, 'started')
    with pytest.raises(FileNotFoundError, match='has finished: repeat its "mmgala'):
        compared_runs(tmp_path)


def test_a_later_test_goes_before_the_scores_of_the_comparison(folder):
    run = folder / 'ce/seed0'
    assert predictions_in(run) == run / 'test.npz'
    (run / 'predictions.npz').write_bytes(b'')
    assert predictions_in(run) == run / 'predictions.npz'
    assert predictions_in(folder) is None


def test_a_file_of_that_name_elsewhere_is_not_read(tmp_path):
    (tmp_path / 'test.npz').write_bytes(b'')
    assert predictions_in(tmp_path) is None
