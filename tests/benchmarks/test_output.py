"""What benchmarks print: results to stdout, progress to stderr, libraries to a log."""

import subprocess
import sys

import pytest

from benchmarks.checkout import current_commit
from tests.tools.command_line import LIMIT, ROOT, environment


def run(name, *arguments):
    return subprocess.run(
        [sys.executable, ROOT / 'benchmarks' / name, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


@pytest.mark.parametrize('name', ['better_gala.py', 'digits_lt.py', 'loss.py'])
def test_imports_print_nothing(name):
    done = run(name, '--help')

    assert done.stdout.startswith('usage: ')
    assert 'OneDL' not in done.stdout
    assert done.stderr == ''


def test_demo(tmp_path):
    done = run('digits_lt.py', '--seeds', 1, '--work-dir', tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith('Digits-LT, 103 to 2 training images')
    assert '| GALA + re-balancing |' in done.stdout
    assert '(2 of 2) ' in done.stderr
    assert str(tmp_path / 'report.html') in done.stderr
    shown = done.stdout + done.stderr
    assert [word for word in ('OneDL', 'mmengine', 'findfont') if word in shown] == []
    assert done.stderr.count('Long-tailed subset') <= 1
    assert (tmp_path / 'benchmark.log').is_file()


def test_demo_without_seeds(tmp_path):
    done = run('digits_lt.py', '--seeds', 0, '--work-dir', tmp_path)

    assert done.returncode == 1
    assert done.stderr == 'error: --seeds must be 1 or more, but got 0.\n'


def test_commit_of_a_checkout(tmp_path):
    command = ['git', 'rev-parse', 'HEAD']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert current_commit()
    assert done.stdout.startswith(current_commit())
    assert current_commit(tmp_path) == ''
    assert current_commit(tmp_path / 'missing') == ''
