"""What commands print: results on stdout, messages on stderr, libraries in the log."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.analysis.gradient_records import write_run
from tests.console.terminal import on_terminal
from tests.evaluation.predictions import biased_scores
from tests.start.pictures import write_classes
from tests.tools.command_line import LIMIT, environment, options, printed

pytestmark = pytest.mark.slow

# What libraries print, log or warn, in any form.
NOISE = re.compile(
    r'OneDL|mmengine|FileClient|[Dd]eprecat|Warning:|torch\.|\[W|\[Gloo\]|Traceback|'
    r'Exp name|Epoch\(|System environment|Hooks will be|site-packages'
)
TABLE = r'\|.*\||'  # one that is too wide is several, with a line between
NUMBERS = r' *(epoch|\d+)( +[-\w. ]+)+'
SEARCH = r'[A-Z][-a-z ]+, chosen on .*:|tau +accuracy.*|\d\.\d\d +[\d.]+ .*'
SMALL = ['--backbone', 'small', '--image-size', '32', '--device', 'cpu']
SHORT = dict(train_cfg__max_epochs=4, train_cfg__val_interval=2)


def words(*arguments):
    return [sys.executable, '-m', 'mmgala', *map(str, arguments)]


def run(*arguments, cwd, **env):
    done = subprocess.run(
        words(*arguments), cwd=cwd, env=environment(**env), capture_output=True,
        text=True, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope='module')
def inputs(tmp_path_factory, trained):
    """Words of each command by its name, and the lines that it prints as results."""
    folder = tmp_path_factory.mktemp('console')
    scores, targets = biased_scores(120, 6)
    counts = [200, 120, 60, 30, 15, 5]
    for name in ('predictions', 'other'):
        np.savez(folder / f'{name}.npz', pred_score=scores, gt_label=targets,
                 class_counts=counts)  # fmt: skip
    write_run(folder / 'gradients')
    write_classes(folder / 'flowers', {'daisy': 8, 'rose': 6})
    model = [trained.config, trained.checkpoint]
    search = rf'{SEARCH}|'
    return folder, {
        'train': ([trained.config, '--work-dir', 'w', *options(**SHORT)], NUMBERS),
        'test': ([*model, '--work-dir', 't', '--rebalance'], TABLE),
        'fit': ([*model, 'fitted.pth', '--work-dir', 'f'], search),
        'retrain': ([*model, 'new.pth', '--method', 'crt', '--epochs', '1'], TABLE),
        'export': ([*model, 'model.pt2'], '(Input|Output|Checked) .*'),
        'vectors': ([*model, '--out', 'v.json'], TABLE),
        'predictions': (['predictions.npz'], TABLE),
        'gradients': (['gradients'], TABLE),
        'report': ([folder, '--out', 'r.html'], '.*'),
        'prepare': (['cifar10', '--dry-run', '--root', 'cifar'], '.*'),
        'compare': (
            [trained.config, '--methods', 'ce', 'crt', '--seeds', '1', '--workers',
             '1', '--work-dir', 'c', *options(**SHORT)],
            None,
        ),
        'start': (['flowers', '--dry-run', *SMALL], '.*'),
    }  # fmt: skip


PROCESSES = ('train', 'compare')  # the others in this process, which is faster
IN_PROCESS = (
    'test', 'fit', 'retrain', 'export', 'vectors', 'predictions', 'gradients', 'report',
    'prepare', 'start',
)  # fmt: skip


def call(name, *arguments, cwd):
    """Call the ``main`` of a command here, and return what it printed."""
    module = importlib.import_module(f'mmgala.cli.commands.{name}')
    with pytest.MonkeyPatch.context() as patch, printed() as found:
        patch.chdir(cwd)
        patch.setenv('CUDA_VISIBLE_DEVICES', '')
        patch.setattr(sys, 'argv', [f'mmgala {name}', *map(str, arguments)])
        module.main()
    return found


@pytest.mark.parametrize('name', [*PROCESSES, *IN_PROCESS])
def test_stdout_holds_results_and_libraries_are_silent(inputs, name):
    folder, commands = inputs
    arguments, results = commands[name]
    if name == 'export':
        pytest.importorskip('onnx')

    done = (run if name in PROCESSES else call)(name, *arguments, cwd=folder)

    for line in done.stdout.splitlines():
        assert results is None or re.fullmatch(results, line), line
        assert not NOISE.search(line), line
        assert len(line) <= 100 or name == 'prepare', line
    for line in done.stderr.splitlines():
        assert not NOISE.search(line), line
    assert '\x1b' not in done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.fixture(scope='module')
def piped(inputs):
    """A training whose output goes to pipes."""
    folder, commands = inputs
    arguments = [*commands['train'][0]]
    arguments[arguments.index('w')] = 'piped'
    return folder / 'piped', run('train', *arguments, cwd=folder), arguments


def test_a_training_says_what_it_trains_and_where_it_wrote(piped):
    work_dir, done, _ = piped
    for text in (
        'Training ImageClassifier (ResNet_CIFAR, GALAHead, GALALoss)',
        '284 samples, 4 epochs with batches of 32',
        'few: under 10             4        16',
        f'Written to {work_dir}',
        'epoch_4.pth',
    ):
        assert text in done.stderr, text
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ['epoch', '2', '4']
    assert rows[0][1:] == ['top-1', 'class', 'mean', 'many', 'medium', 'few']
    said = done.stdout + done.stderr
    assert len(said.splitlines()) < 30


def test_the_log_has_everything(piped):
    work_dir, done, _ = piped
    (path,) = work_dir.glob('2*/2*.log')
    log = path.read_text()

    assert str(path.relative_to(work_dir)) in done.stderr
    for text in (
        'System environment:', 'Config:', 'mmgala.GALAHead', 'Hooks will be executed',
        'Could not import OneDL', 'Epoch(train) [4]', 'Epoch(val) [4]',
        'accuracy/worst_class', 'What was counted', 'Saving checkpoint at 4 epochs',
    ):  # fmt: skip
        assert text in log, text


def test_verbose_brings_the_log_to_stderr(piped):
    work_dir, quiet, arguments = piped
    new = [str(a).replace('piped', 'verbose') for a in arguments]

    done = run('train', *new, '-v', cwd=work_dir.parent)

    for text in ('System environment:', 'Config:', 'Hooks will be', 'Epoch(train) [4]'):
        assert text in done.stderr, text
    assert 'Could not import OneDL' in done.stderr
    assert done.stdout == quiet.stdout  # the same results, bit for bit
    assert len(done.stderr.splitlines()) > 300


def test_on_a_terminal_there_is_one_bar_that_disappears(piped):
    work_dir, quiet, arguments = piped
    new = [str(a).replace('piped', 'terminal') for a in arguments]

    screen, written, status = on_terminal(words('train', *new), cwd=work_dir.parent)

    assert status == 0
    assert re.search(r'epoch [2-4] of 4, loss \d', written)
    assert re.search(r'\d+ s left', written)
    assert screen.colours
    assert not screen.cursor_hidden
    assert '━' not in screen.text
    assert not NOISE.search(screen.text)
    for line in quiet.stdout.splitlines():
        assert line in screen.text.splitlines()
    assert all(len(line) <= 100 for line in screen.lines)


def test_no_color_is_respected(piped):
    work_dir, _, arguments = piped
    new = [str(a).replace('piped', 'no_color') for a in arguments]

    screen, written, status = on_terminal(
        words('train', *new), cwd=work_dir.parent, NO_COLOR='1'
    )

    assert status == 0
    assert '━' in written
    assert not re.search(r'\x1b\[(38|3\d|9\d)', written)


def test_ctrl_c_removes_the_bar_and_says_one_line(piped):
    work_dir, _, arguments = piped
    new = [str(a).replace('piped', 'stopped') for a in arguments]
    long = [a.replace('max_epochs=4', 'max_epochs=400') for a in new]

    screen, written, status = on_terminal(
        words('train', *long), cwd=work_dir.parent, interrupt_at='of 400, loss'
    )

    assert status == 130
    assert (
        screen.text.splitlines()[-1]
        == 'error: interrupted; run the same command again.'
    )
    assert '━' in written
    assert '━' not in screen.text
    assert not screen.cursor_hidden


def test_an_error_ends_in_one_line(piped):
    work_dir, _, arguments = piped
    new = [str(a).replace('piped', 'diverged') for a in arguments]

    done = subprocess.run(
        words('train', *new, 'optim_wrapper.optimizer.lr=1e30'), cwd=work_dir.parent,
        env=environment(), capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith('error: The training has diverged')
    assert 'Traceback' not in done.stderr
    assert done.stdout == ''


def test_the_table_of_a_comparison_fits_a_terminal(inputs):
    folder, commands = inputs
    again = [*commands['compare'][0], '--only-report']

    for width in (100, 80):
        screen, _, status = on_terminal(
            words('compare', *again), cwd=folder, width=width
        )
        assert status == 0, screen.text
        lines = screen.text.splitlines()
        assert any(re.match(r' +crt +\d', line) for line in lines), screen.text
        assert all(len(line) <= width for line in lines)


def test_the_first_of_two_ranks_speaks(inputs, trained):
    folder, _ = inputs
    script = Path(__file__).parents[2] / 'tools' / 'dist_train.sh'

    done = subprocess.run(
        ['bash', str(script), str(trained.config), '2', '--work-dir', 'dist',
         *options(**SHORT)],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines()]
    assert rows == ['epoch', '2', '4']
    assert done.stderr.count('Training ImageClassifier') == 1
    assert 'on 2 x cpu' in done.stderr
    for line in done.stderr.splitlines():
        assert not NOISE.search(line), line
