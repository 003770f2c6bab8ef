"""tools/analysis/gradient_report.py: several runs side by side, and bad input."""

import csv
import json
from dataclasses import replace

import pytest

from mmgala.analysis import describe_gradients, write_record
from tests.analysis.gradient_records import COUNTS, NAMES, make_record, write_run
from tests.tools.command_line import assert_one_line, call

TOOL = 'analysis/gradient_report'


@pytest.fixture
def work_dirs(tmp_path):
    records = {
        name: write_run(tmp_path / name, seed=seed)
        for seed, name in ((0, 'ce'), (20, 'gala'))
    }
    return tmp_path, records


def report(cwd, *arguments):
    return call(TOOL, *arguments, cwd=cwd, cfg_options=False)


def test_numbers_tables_and_plots(work_dirs, capsys):
    folder, records = work_dirs
    end = report(folder, 'ce', 'gala', '--names', 'CE', 'GALA', '--out', 'out')
    assert end is None
    content = json.loads((folder / 'out' / 'gradients.json').read_text())
    assert content['limits'] == {'many': 100, 'few': 20}
    assert [c['name'] for c in content['classes']] == list(NAMES)
    assert [c['group'] for c in content['classes']][:3] == ['few', 'many', 'medium']
    for run, (name, expected) in zip(content['runs'], records.items(), strict=True):
        assert run['name'] == name.upper()
        description = json.loads(json.dumps(describe_gradients(expected)))
        assert run['gradients']['ratio'] == pytest.approx(
            description['ratio'], rel=1e-5
        )
        assert run['gradients']['steps'] == [1, 2, 3]
    with open(folder / 'out' / 'classes.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [int(row['count']) for row in rows] == list(COUNTS)
    assert [float(row['GALA ratio']) for row in rows] == pytest.approx(
        content['runs'][1]['gradients']['ratio']
    )
    assert float(rows[2]['CE share from few']) == pytest.approx(
        content['runs'][0]['gradients']['source_shares'][2][2]
    )
    pictures = {path.name for path in (folder / 'out').glob('gradient_*')}
    assert pictures == {
        f'gradient_{name}.{ending}'
        for name in ('ratio', 'sources', 'course')
        for ending in ('png', 'svg')
    }
    summary = content['runs'][1]['gradients']['summary_total']
    printed = capsys.readouterr().out.splitlines()
    # The table is too wide for 100 columns, so it is printed in two parts.
    row = ' '.join(line for line in printed if 'GALA, whole training' in line)
    assert max(map(len, printed)) <= 100
    assert f'{summary["source_gini"]:.3f}' in row
    assert f'{summary["tail_head_ratio"]:.3f}' in row


def test_report_on_one_run_is_written_to_its_folder(work_dirs):
    folder, _ = work_dirs
    assert report(folder, 'ce') is None
    assert (folder / 'ce' / 'gradient_report' / 'gradients.json').is_file()


def test_bad_input_gives_a_one_line_error(work_dirs):
    folder, _ = work_dirs
    (folder / 'empty').mkdir()
    assert_one_line(report(folder, 'ce', 'empty'), 'empty has no gradient statistics')
    assert_one_line(report(folder, 'nowhere'), 'Work dir nowhere does not exist')
    names = ['--names', 'A']
    assert_one_line(report(folder, 'ce', 'gala', *names), 'name in --names for each of')
    names = ['--names', 'A', 'A']
    assert_one_line(report(folder, 'ce', 'gala', *names), 'different --names')
    write_run(folder / 'other', names=(*NAMES[:5], 'gnu'))
    assert_one_line(
        report(folder, 'ce', 'other'), 'ce and other have different classes'
    )
    path = write_record(make_record(4), folder / 'ce' / 'gradient_statistics')
    path.write_bytes(path.read_bytes()[:300])
    assert_one_line(report(folder, 'ce'), r'epoch_4\.npz cannot be read .*truncated')
    assert not list(folder.rglob('gradients.json'))


def test_names_are_not_interpreted_as_markup(work_dirs, capsys):
    folder, _ = work_dirs
    assert report(folder, 'ce', '--names', '[/b] ce[lr=0.1]', '--out', 'x') is None
    assert '[/b] ce[lr=0.1], whole' in capsys.readouterr().out


def test_a_training_without_samples_is_drawn(tmp_path):
    record = make_record()
    zero = {name: value * 0 for name, value in vars(record.period).items()}
    sums = replace(record.period, **zero)
    silent = replace(record, period=sums, total=sums)
    write_record(silent, tmp_path / 'a' / 'gradient_statistics')
    assert report(tmp_path, 'a') is None
    assert (tmp_path / 'a' / 'gradient_report' / 'gradient_sources.png').is_file()


def test_epochs_and_iterations_are_not_compared(tmp_path):
    write_run(tmp_path / 'a')
    write_run(tmp_path / 'b', unit='iter')
    assert_one_line(
        report(tmp_path, 'a', 'b'), 'a has records by epoch, but b by iter: compare'
    )


def test_a_folder_name_used_twice_becomes_a_path(tmp_path, capsys):
    for parent in ('a', 'b'):
        write_run(tmp_path / parent / 'run')
    assert report(tmp_path, 'a/run', 'b/run', '--out', 'out') is None
    assert 'b/run, whole training' in capsys.readouterr().out


STAGES = ('bbox_head.0.loss_cls', 'bbox_head.1.loss_cls')


@pytest.fixture
def stages(tmp_path):
    """A training of two stages beside one of one loss."""
    write_run(tmp_path / 'ce')
    folder = tmp_path / 'cascade' / 'gradient_statistics'
    for seed, stage in enumerate(STAGES):
        for number in (1, 2):
            write_record(make_record(number, seed=10 * seed), folder / stage)
    return tmp_path


def test_each_stage_is_a_run(stages):
    assert report(stages, 'cascade', 'ce', '--out', 'out') is None
    content = json.loads((stages / 'out' / 'gradients.json').read_text())
    assert [run['name'] for run in content['runs']] == [
        *(f'cascade {stage}' for stage in STAGES),
        'ce',
    ]
    expected = describe_gradients([make_record(2, seed=10)])
    assert content['runs'][1]['gradients']['ratio'] == pytest.approx(expected['ratio'])


def test_one_stage_is_named_by_its_folder(stages):
    folder = f'cascade/gradient_statistics/{STAGES[1]}'
    arguments = (folder, 'cascade', '--names', 'second', 'all', '--out', 'out')
    assert report(stages, *arguments) is None
    content = json.loads((stages / 'out' / 'gradients.json').read_text())
    names = [run['name'] for run in content['runs']]
    assert names == ['second', *(f'all {stage}' for stage in STAGES)]
    assert content['runs'][0]['gradients'] == content['runs'][2]['gradients']
