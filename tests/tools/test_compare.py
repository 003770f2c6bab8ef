"""A comparison that is killed, continued with a failing method, and reported again."""

import json
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from mmengine.config import Config

from mmgala.analysis.comparison_folders import read_run_state
from mmgala.comparison import find_methods, plan_runs
from mmgala.comparison.processes import Task, run_tasks
from mmgala.comparison.run_progress import RunProgress
from mmgala.comparison.run_times import Work
from tests.comparison import tasks
from tests.comparison.small import small_config
from tests.tools.command_line import (
    LIMIT,
    SMALL_CONFIG,
    assert_one_line,
    call,
    command,
    environment,
    options,
    printed,
)

# A loss that can be built but fails in the first training step.
METHODS_FILE = """
methods = dict(
    broken=dict(loss=dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0])),
)
"""
METHODS = ['gala', 'ncm', 'broken']
FLAGS = ['--seeds', 1, '--workers', 2, '--post-hoc', 'rebalancing']


@pytest.fixture(scope='module')
def compared(tmp_path_factory):
    """A comparison that was killed once a checkpoint existed, and then continued."""
    folder = tmp_path_factory.mktemp('compare')
    (folder / 'small.py').write_text(SMALL_CONFIG)
    (folder / 'mine.py').write_text(METHODS_FILE)
    arguments = ['small.py', '--methods', *METHODS, '--methods-file', 'mine.py',
                 '--work-dir', 'work', *FLAGS]  # fmt: skip
    work = folder / 'work'
    checkpoint = work / 'gala/seed0/epoch_1.pth'
    with open(folder / 'killed.txt', 'w') as output:
        process = subprocess.Popen(
            command('compare.py', *arguments), cwd=folder, env=environment(),
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + LIMIT
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while is_running(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    killed = SimpleNamespace(
        ended=not is_running(process.pid),
        status=read_run_state(work / 'gala/seed0')['status'],
    )
    unfinished = work / 'gala/seed0/.test.npz.abc.partial'
    unfinished.mkdir()
    (unfinished / 'test.npz').write_bytes(b'cut off')
    with printed() as output:
        error = call('compare', *arguments, cwd=folder)
    return SimpleNamespace(
        folder=folder, work=work, killed=killed, arguments=arguments, error=error,
        printed=output, results=json.loads((work / 'results.json').read_text()),
    )  # fmt: skip


def is_running(group):
    """Whether any process of a group is running."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def by_name(compared, part, key):
    return {entry[key]: entry for entry in compared.results[part]}


def test_a_killed_comparison_leaves_no_processes(compared):
    assert compared.killed.ended
    assert compared.killed.status == 'running'


def test_it_continues_from_the_last_epoch(compared):
    runs = by_name(compared, 'runs', 'method')
    (place,) = runs['gala']['resumed_at']
    assert 1 <= place['epoch'] < 6
    folder = compared.work / 'gala/seed0'
    assert [p.name for p in folder.glob('*.pth')] == ['epoch_6.pth']
    assert not list(folder.glob('.*'))
    exact = Config.fromfile(folder / 'config.py')
    assert not exact.resume
    assert exact.load_from is None


def test_a_failed_run_is_reported_and_the_others_continue(compared):
    assert_one_line(compared.error, r'1 run failed; see train\.log')
    runs = by_name(compared, 'runs', 'method')
    assert {name: run['status'] for name, run in runs.items()} == {
        'ce': 'finished', 'gala': 'finished', 'ncm': 'finished', 'broken': 'failed'
    }  # fmt: skip
    reason = 'RuntimeError: weight tensor should be defined'
    assert runs['broken']['error'].startswith(reason)
    log = compared.work / runs['broken']['log']
    assert 'Traceback' in log.read_text()
    text = (compared.work / 'results.md').read_text()
    assert f'Failed:\n\n- broken, seed 0: {reason}' in text
    assert f'broken, seed 0 failed: {reason}' in compared.printed.stderr


def test_rows_match_the_request_and_the_metrics_of_the_scores(compared):
    rows = by_name(compared, 'rows', 'name')
    names = ['gala', 'gala + re-balancing', 'ncm', 'ncm + re-balancing']
    assert list(rows) == names  # ce was trained for ncm alone
    right = {}
    for name in ('gala', 'ncm'):
        with np.load(compared.work / name / 'seed0/test.npz') as file:
            right[name] = file['pred_score'].argmax(axis=1) == file['gt_label']
            targets = file['gt_label']
        (run,) = rows[name]['runs']
        assert run['top1'] == pytest.approx(100 * right[name].mean())
        per_class = [right[name][targets == c].mean() for c in range(10)]
        # 103, 66 and 43 training images are many-shot; 7, 4, 3 and 2 are few-shot.
        assert run['many'] == pytest.approx(100 * np.mean(per_class[:3]), abs=1e-3)
        assert run['worst_class'] == pytest.approx(100 * min(per_class))
    gain = rows['ncm']['top1_over_first']
    expected = 100 * (right['ncm'].mean() - right['gala'].mean())
    assert gain['mean'] == pytest.approx(expected, abs=1e-3)
    assert gain['low'] <= gain['mean'] <= gain['high']


def test_statement_table_figure_and_configs(compared):
    text = (compared.work / 'results.md').read_text()
    assert 'Results are those of the last epoch.' in text
    assert 'Nothing was chosen on the test set.' in text
    assert 'top-1 over gala (95 %)' in text
    assert (compared.work / 'head_vs_tail.png').read_bytes()[:4] == b'\x89PNG'
    configs = {p.name for p in (compared.work / 'configs').iterdir()}
    assert configs == {'ce.py', 'gala.py', 'ncm.py', 'broken.py'}
    assert compared.results['machine']['versions']['torch']


def test_finished_runs_are_not_repeated(compared):
    paths = list(compared.work.glob('*/seed0/run.json'))
    before = {path: path.stat().st_mtime_ns for path in paths}
    wanted = [*compared.arguments]
    wanted.remove('broken')
    assert call('compare', *wanted, cwd=compared.folder) is None
    assert {path: path.stat().st_mtime_ns for path in paths} == before


def test_a_second_comparison_in_the_same_folder_is_refused(compared):
    with FileLock(compared.work / '.lock'):
        end = call('compare', *compared.arguments, cwd=compared.folder)
    assert_one_line(
        end, 'Another training or comparison is running in .*work: .*--work-dir'
    )


def test_report_only_accepts_other_metrics_and_steps(compared):
    wanted = [*compared.arguments, '--only-report', '--metrics', 'few', 'ece',
              '--post-hoc', 'logit-adjustment+rebalancing', 'temperature']  # fmt: skip
    with printed() as output:
        assert call('compare', *wanted, cwd=compared.folder) is None
    heading = next(x for x in output.stdout.splitlines() if x.startswith('|'))
    cells = [cell.strip() for cell in heading.split('|')]
    assert cells == ['', '', 'few', 'ECE', 'top-1 over gala (95 %)', '']
    rows = json.loads((compared.work / 'results.json').read_text())['rows']
    assert [row['name'] for row in rows[:3]] == [
        'gala', 'gala + logit adjustment + re-balancing', 'gala + temperature'
    ]  # fmt: skip
    raw, both, scaled = (row['runs'][0] for row in rows[:3])
    assert {'logit_adjustment', 'rebalancing'} <= set(both)
    assert scaled['top1'] == raw['top1']


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (['--methods', 'foo'], "Unknown method 'foo': choose from ce, gala, "),
        (['--metrics', 'top2'], "Unknown metric 'top2': choose from top1, many, "),
        (['--seeds', 0], '--seeds must be 1 or more'),
        (options(optim_wrapper__optimizer__lr=0.1),
         r'ce/seed0 belongs to another config \(optim_wrapper.optimizer.lr is 0.05 '
         r'there, 0.1 now\): choose'),
        (options(train_dataloader__dataset__dataset__split='foo'), 'foo'),
        (options(val_dataloader='None'), 'has no val_dataloader'),
    ],
)  # fmt: skip
def test_bad_input_gives_one_line_and_changes_nothing(compared, changes, message):
    files = {p: p.stat().st_mtime_ns for p in compared.work.glob('*/seed0/*')}
    end = call('compare', *compared.arguments, *changes, cwd=compared.folder)
    assert_one_line(end, message)
    assert {p: p.stat().st_mtime_ns for p in compared.work.glob('*/seed0/*')} == files


def test_an_unrelated_folder_is_not_changed(compared):
    other = compared.folder / 'other'
    (other / 'ce/seed0').mkdir(parents=True)
    (other / 'ce/seed0/thesis.txt').touch()
    end = call('compare', 'small.py', '--methods', 'ce', '--seeds', 1,
               '--work-dir', other, cwd=compared.folder)  # fmt: skip
    assert_one_line(end, r'ce/seed0 holds other files \(thesis.txt\)')


def test_missing_labels_are_found_before_training(compared):
    end = call('compare', 'small.py', '--methods', 'ldam', '--work-dir', 'unlabelled',
               *options(model__head__num_classes=5), cwd=compared.folder)  # fmt: skip
    assert_one_line(end, 'Expected labels between 0 and 4, but sample')
    assert not list((compared.folder / 'unlabelled').glob('*/'))


def test_the_best_epoch_on_validation_and_a_full_disk(tmp_path):
    cfg = small_config(epochs=3)
    cfg.train_cfg.val_interval = 1
    runs = plan_runs(cfg, find_methods(['ce', 'gala']), [0], tmp_path, 'best')
    ce, gala = runs
    with RunProgress([Work('ce'), Work('gala')], 2) as progress:
        failed = run_tasks(
            [
                Task('ce', tasks.execute_without_room, (ce,)),
                Task('gala', tasks.execute, (gala,)),
            ],
            2,
            progress,
        )
    assert list(failed) == ['ce']
    assert 'File too large' in failed['ce'] or 'room on the disk' in failed['ce']
    assert gala.finished
    assert not ce.finished
    # The scores are from the epoch with the best validation accuracy.
    log = (gala.folder / 'train.log').read_text()
    figures = [
        float(line.split('accuracy/class_mean: ')[1].split()[0])
        for line in log.splitlines()
        if ' - Epoch(val) ' in line
    ]
    assert len(figures) == 4
    assert max(figures[:3]) == figures[3]
    (checkpoint,) = gala.folder.glob('*.pth')
    assert checkpoint.name.startswith('best_')
    # With free space again, the failed run is completed.
    with RunProgress([Work('ce')]) as progress:
        assert run_tasks([Task('ce', tasks.execute, (ce,))], 1, progress) == {}
    assert ce.finished
