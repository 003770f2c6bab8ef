"""`mmgala start` and `mmgala predict`: the whole way, a kill, and what is refused."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from tests.start.pictures import write_classes
from tests.tools.command_line import LIMIT, environment

COUNTS = {'daisy': 30, 'rose': 14, 'water lily': 6, 'rare': 2}
SMALL = ('--backbone', 'small', '--image-size', '32', '--device', 'cpu')


def mmgala(*words, cwd, status=0):
    """Run a command; return what it printed to stdout and stderr."""
    result = subprocess.run(
        [sys.executable, '-m', 'mmgala', *map(str, words)],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert result.returncode == status, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout, result.stderr


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
    printed = mmgala(*words, cwd=folder)[0]
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
        assert f'work_dirs/my flowers/{name}' in started['printed']
    results = json.loads((work / 'results.json').read_text())
    accuracy = {row['name']: row['runs'][0]['top1'] for row in results['rows']}
    assert accuracy['gala'] > 60  # colours are easy


def test_repeated_it_trains_nothing(started):
    before = state_of(started['work'] / 'gala')

    printed = mmgala(*started['words'], cwd=started['folder'])[0]

    weights = {p: s for p, s in before.items() if p.suffix == '.pth'}
    after = state_of(started['work'] / 'gala')
    assert weights
    assert {path: after[path] for path in weights} == weights
    assert 'fitted model is in' in printed


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (('--epochs', '9'), '--epochs 6, not --epochs 9'),
        (('--seed', '1'), '--seed 0, not --seed 1'),
    ],
)
def test_other_options_are_refused(started, change, message):
    words = (*started['words'], *change)
    error = mmgala(*words, cwd=started['folder'], status=1)[1]

    assert message in error
    assert '--name' in error


def test_other_images_are_refused(started):
    added = started['folder'] / 'data' / 'my flowers' / 'rose' / 'new.png'
    added.write_bytes((added.parent / '0.png').read_bytes() + b'0')
    try:
        error = mmgala(*started['words'], cwd=started['folder'], status=1)[1]
    finally:
        added.unlink()

    assert '1 added, first rose/new.png' in error
    assert '--name' in error


def test_the_commands_that_it_prints_work(started):
    lines = started['printed'].splitlines()
    (start,) = [i for i, line in enumerate(lines) if 'What you may want next' in line]
    printed = [line.partition('mmgala ')[2] for line in lines[start + 1 :] if line]
    assert [line.split()[0] for line in printed] == [
        'predict', 'export', 'train', 'compare'
    ]  # fmt: skip
    import shlex

    predict, export, train, _ = map(shlex.split, printed)
    image = 'data/my flowers/daisy/0.png'
    folder = started['folder']

    table = mmgala(*predict[:-1], image, cwd=folder)[0]
    mmgala(*export, cwd=folder)
    mmgala(*train, 'max_epochs=1', 'train_cfg.max_epochs=1', cwd=folder)

    assert 'daisy' in table.splitlines()[-len(COUNTS)]
    assert (started['work'] / 'model.onnx').is_file()
    assert (started['work'] / 'further' / 'epoch_1.pth').is_file()


def test_predictions_of_a_folder_go_on_after_bad_images(started):
    data = started['folder'] / 'data' / 'my flowers'

    out, errors = mmgala(
        'predict', started['work'], data, '--json', cwd=started['folder'], status=1
    )

    found = json.loads(out[out.index('[') :])
    assert len(found) == sum(COUNTS.values())
    assert 'broken.jpg cannot be read: the file is not an image' in errors
    right = sum(
        os.sep + p['predictions'][0]['name'] + os.sep in p['image'] for p in found
    )
    assert right > 0.6 * len(found)
    for one in found:
        assert sum(p['confidence'] for p in one['predictions']) == pytest.approx(
            1, abs=1e-4
        )


def test_predict_with_config_and_checkpoint_as_csv(started):
    work = started['work']
    image = started['folder'] / 'data/my flowers/daisy/1.png'

    out = mmgala(
        'predict', work / 'model.py', work / 'model.pth', image, '--csv', '--top', 2,
        cwd=started['folder'],
    )[0]  # fmt: skip

    (row,) = csv.DictReader(out[out.index('image,') :].splitlines())
    assert set(row) == {'image', 'class_1', 'confidence_1', 'class_2', 'confidence_2'}
    assert row['class_1'] == 'daisy'


def test_dry_run_writes_nothing(tmp_path):
    write_classes(tmp_path / 'data', {'a': 4, 'b': 3})
    before = state_of(tmp_path)

    printed = mmgala('start', 'data', '--dry-run', *SMALL, cwd=tmp_path)[0]

    assert state_of(tmp_path) == before
    assert not (tmp_path / 'work_dirs').exists()
    for part in ('a  ', '32 pixels', 'work_dirs/data/report.html', 'nothing has been'):
        assert part in printed


def test_plankton(tmp_path, shared_dir):
    """Five classes of a real set, one epoch."""
    archive = shared_dir / 'data' / 'plankton.zip'
    if not archive.is_file():
        pytest.skip(f'{archive} is not here: the real set cannot be tried')
    wanted = ('hydromedusae_typeE', 'echinopluteus', 'chordate_type1')
    with zipfile.ZipFile(archive) as file:
        names = [
            n for n in file.namelist() if n.split('/')[1] in wanted and n[-1] != '/'
        ]
        file.extractall(tmp_path, names)

    words = ('start', 'plankton', '--epochs', '1', *SMALL)
    printed = mmgala(*words, cwd=tmp_path)[0]

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
