"""`mmgala start` and `mmgala predict`: the whole way, a kill, and what is refused."""

import csv
import hashlib
import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import zipfile

import pytest
import torch
from torch.testing import assert_close

from mmgala.cli.commands import predict, start
from tests.start.calling import call, run
from tests.start.pictures import write_classes
from tests.tools.command_line import LIMIT, assert_one_line, environment

COUNTS = {'daisy': 30, 'rose': 14, 'water lily': 6, 'rare': 2}
SMALL = ('--backbone', 'small', '--image-size', '32', '--device', 'cpu')


def state_of(folder):
    """Content and time of modification of every file."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob('*')
        if path.is_file()
    }


def kill_when(path, *words, cwd):
    """Start a command, and kill it with all its processes once ``path`` exists."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'mmgala', *words],
        cwd=cwd, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + LIMIT
    try:
        while not list(cwd.glob(path)) and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope='module')
def started(tmp_path_factory):
    """A start that was killed in its first training, and then repeated."""
    folder = tmp_path_factory.mktemp('start')
    data = write_classes(folder / 'data' / 'my flowers', COUNTS)
    (data / 'rose' / 'broken.jpg').write_text('x')
    before = state_of(data)
    words = ('start', 'data/my flowers', '--epochs', '6', '--compare', *SMALL)
    kill_when('work_dirs/*/*/seed0/epoch_3.pth', *words, cwd=folder)
    split = (folder / 'work_dirs/my flowers/split.csv').read_text()
    printed = ''.join(run(*words, cwd=folder))
    assert state_of(data) == before
    return dict(
        folder=folder, words=words, printed=printed, split=split,
        work=folder / 'work_dirs' / 'my flowers',
    )  # fmt: skip


def test_what_was_finished_is_kept(started):
    runs = [json.loads(p.read_text()) for p in started['work'].glob('*/seed0/run.json')]

    assert {run['method'] for run in runs} == {'ce', 'gala'}
    assert {run['status'] for run in runs} == {'finished'}
    assert any(run['resumed_at'] and run['resumed_at'][0]['epoch'] >= 2 for run in runs)
    assert (started['work'] / 'split.csv').read_text() == started['split']
    assert 'Going on in' in started['printed']


def test_every_class_is_in_every_part(started):
    rows = [*csv.DictReader(started['split'].splitlines())]

    assert len(rows) == sum(COUNTS.values())
    for name, count in COUNTS.items():
        found = [row['split'] for row in rows if row['label'] == name]
        held_out = max(1, round(0.2 * count)) if count >= 3 else 0
        assert [found.count('val'), found.count('test')] == [held_out] * 2


def test_results_are_where_it_says(started):
    work = started['work']

    for name in ('model.pth', 'model.py', 'report.html', 'results.md', 'my flowers.py'):
        assert (work / name).is_file()
        assert name in started['printed']
    results = json.loads((work / 'results.json').read_text())
    accuracy = {row['name']: row['runs'][0]['top1'] for row in results['rows']}
    assert accuracy['gala'] > 60  # colours are easy


def test_the_report_re_balances_each_method_as_the_table_does(started):
    rows = json.loads((started['work'] / 'results.json').read_text())['rows']
    wanted = {r['method']: r['runs'][0] for r in rows if r['post_hoc']}
    runs = json.loads((started['work'] / 'report.json').read_text())['runs']

    assert {one['name'] for one in runs} == set(wanted) == {'ce', 'gala'}
    for one in runs:
        found, expected = one['predictions'], wanted[one['name']]
        assert found['tau'] == pytest.approx(expected['rebalancing'])
        for name in ('top1', 'class_mean', 'ece'):
            metric = found['rebalanced']['metrics'][name]
            assert metric == pytest.approx(expected[name], abs=1e-3)


def test_the_model_can_be_made_for_other_class_shares(started):
    words = ('--name', 'aimed', '--epochs', '1', '--target-prior', 'train', *SMALL)
    run('start', 'data/my flowers', *words, cwd=started['folder'])

    work = started['folder'] / 'work_dirs' / 'aimed'
    state = torch.load(work / 'model.pth', weights_only=True)['state_dict']
    train = [n - 2 * max(1, round(0.2 * n)) if n >= 3 else n for n in COUNTS.values()]
    by_name = sorted(zip(COUNTS, train, strict=True))
    shares = torch.tensor([count for _, count in by_name], dtype=torch.float64)
    assert_close(
        state['head.post_hoc.target_prior'].double(), shares / shares.sum(),
        rtol=1e-6, atol=0,
    )  # fmt: skip
    text = (work / 'results.md').read_text()
    assert 'class shares of the training set' in text


def weights(started):
    """Times of modification of the trained weights."""
    found = {p: p.stat().st_mtime_ns for p in started['work'].glob('*/seed0/*.pth')}
    assert len(found) == 2
    return found


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (('--epochs', '9'), 'with --epochs 6, and this is with --epochs 9'),
        (('--seed', '1'), 'with --seed 0, and this is with --seed 1'),
        (('--backbone', 'resnet18'), 'small, and this is with --backbone resnet18'),
        (('--target-prior', 'val'), 'without .*prior, and this is with .*prior val'),
    ],
)
def test_other_options_are_refused(started, change, message):
    before = weights(started)
    end = call(start, *started['words'][1:], *change, cwd=started['folder'])

    assert_one_line(end, f'{message}.*--name')
    assert weights(started) == before


def test_other_images_are_refused(started):
    added = started['folder'] / 'data' / 'my flowers' / 'rose' / 'new.png'
    added.write_bytes((added.parent / '0.png').read_bytes() + b'0')
    try:
        end = call(start, *started['words'][1:], cwd=started['folder'])
    finally:
        added.unlink()

    assert_one_line(end, '1 added, first rose/new.png.*--name')


def test_files_that_were_only_touched_are_the_same(started):
    for path in (started['folder'] / 'data' / 'my flowers' / 'rose').glob('*.png'):
        path.touch()
    words = (*started['words'][1:], '--dry-run')
    assert call(start, *words, cwd=started['folder']) is None


def test_an_image_with_other_content_is_refused(started):
    path = started['folder'] / 'data' / 'my flowers' / 'rose' / '0.png'
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b'0')
    try:
        end = call(start, *started['words'][1:], cwd=started['folder'])
    finally:
        path.write_bytes(content)

    assert_one_line(end, '1 changed, first rose/0.png.*--name')


def test_the_commands_that_it_prints_work(started):
    """And repeated, `mmgala start` itself trains nothing again."""
    before = weights(started)
    printed = ''.join(run(*started['words'], cwd=started['folder']))
    assert weights(started) == before
    lines = printed.partition('What you may want next')[2].splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.strip()[:6] == 'mmgala']
    predict_it, export_it, train_it, compare_it, fit_it = commands
    folder = started['folder']

    for name, words in (
        ('predict', [*predict_it[:-1], 'data/my flowers/daisy/0.png']),
        ('export', export_it),
        ('train', [*train_it, 'train_cfg.max_epochs=2']),
        ('compare', [*compare_it, '--only-report']),
        ('fit', fit_it),
    ):
        assert words[0] == name
        module = importlib.import_module(f'mmgala.cli.commands.{name}')
        assert call(module, *words[1:], cwd=folder) is None
    assert (started['work'] / 'model.onnx').is_file()
    assert (started['work'] / 'further' / 'epoch_2.pth').is_file()
    assert (started['work'] / 'ce.pth').is_file()


def test_predictions_of_a_folder_go_on_after_bad_images(started, capsys):
    data = started['folder'] / 'data' / 'my flowers'

    end = call(predict, started['work'], data, '--json')

    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert end == 1
    assert len(found) == sum(COUNTS.values())
    assert 'broken.jpg cannot be read: the file is not an image' in printed.err
    best = [(one['image'], one['predictions'][0]['name']) for one in found]
    assert sum(f'/{name}/' in image for image, name in best) > 0.6 * len(found)
    for one in found:
        total = sum(each['confidence'] for each in one['predictions'])
        assert total == pytest.approx(1, abs=1e-4)


def test_predictions_as_csv_and_as_a_table(started, capsys):
    model = [started['work'] / name for name in ('model.py', 'model.pth')]
    image = started['folder'] / 'data/my flowers/daisy/1.png'

    assert call(predict, *model, image, '--csv', '--top', 2) is None

    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert [*row] == ['image', 'class_1', 'confidence_1', 'class_2', 'confidence_2']
    assert row['class_1'] == 'daisy'
    assert call(predict, *model, image) is None
    lines = capsys.readouterr().out.splitlines()
    assert '1.png' in lines[0]
    assert 'daisy' in lines[2]
    assert f'{100 * float(row["confidence_1"]):.1f} %' in lines[2]


def test_predictions_are_those_of_mmpretrain(started):
    from mmpretrain import ImageClassificationInferencer

    from mmgala.apis.launch import load_config
    from mmgala.apis.prediction import Predictor

    path = str(started['folder'] / 'data/my flowers/rose/1.png')
    cfg = load_config(str(started['work'] / 'model.py'))
    weights = str(started['work'] / 'model.pth')
    (expected,) = ImageClassificationInferencer(cfg, weights, device='cpu')(path)

    (found,) = Predictor(cfg, weights)([path], top=4)

    assert found.classes[0] == expected['pred_class']
    assert found.scores == pytest.approx(
        sorted(expected['pred_scores'].tolist(), reverse=True), abs=1e-6
    )


def test_dry_run_writes_nothing(tmp_path, capsys):
    write_classes(tmp_path / 'data', {'a': 4, 'b': 3})
    before = state_of(tmp_path)

    assert call(start, 'data', '--dry-run', *SMALL, cwd=tmp_path) is None

    printed = capsys.readouterr().out
    assert state_of(tmp_path) == before
    assert not (tmp_path / 'work_dirs').exists()
    for part in ('| a ', '32 pixels', 'work_dirs/data/report.html'):
        assert part in printed


def test_plankton(tmp_path, shared_dir):
    """Three classes of a real set, one epoch."""
    archive = shared_dir / 'data' / 'plankton.zip'
    if not archive.is_file():
        pytest.skip(f'{archive} is not here: the real set cannot be tried')
    wanted = ('hydromedusae_typeE', 'echinopluteus', 'chordate_type1')
    with zipfile.ZipFile(archive) as file:
        names = [
            n for n in file.namelist() if n.split('/')[1] in wanted and n[-1] != '/'
        ]
        file.extractall(tmp_path, names)

    printed = run('start', 'plankton', '--epochs', '1', *SMALL, cwd=tmp_path)[0]

    assert f'all {len(wanted)}' in printed
    work = tmp_path / 'work_dirs' / 'plankton'
    rows = [*csv.DictReader((work / 'split.csv').open())]
    paths = {name.partition('/')[2] for name in names}
    left = [r for r in csv.DictReader((work / 'images.csv').open()) if r['left_out']]
    assert {row['path'] for row in rows} | {row['path'] for row in left} == paths
    digests = [
        hashlib.sha256((tmp_path / 'plankton' / row['path']).read_bytes()).hexdigest()
        for row in rows
    ]
    assert len(set(digests)) == len(digests)
    assert (work / 'report.html').stat().st_size > 10_000
