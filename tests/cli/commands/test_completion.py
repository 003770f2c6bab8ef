"""What a real bash completes after `mmgala completion bash`."""

import os
import shutil
import subprocess
import sys

import pytest

from mmgala.cli.main import COMMANDS
from tests.tools.command_line import environment

COMPLETE = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
function=$(complete -p mmgala | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
"$function" mmgala "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, '-m', 'mmgala', *arguments],
        env=environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path)), **options),
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope='module')
def script(tmp_path_factory):
    pytest.importorskip('shtab')
    path = tmp_path_factory.mktemp('completion') / 'mmgala.bash'
    made = run('completion', 'bash')
    assert made.returncode == 0, made.stderr
    path.write_text(made.stdout)
    return path


def completions(script, *words, cwd):
    done = subprocess.run(
        ['bash', '-c', COMPLETE, 'bash', str(script), *words],
        cwd=cwd, capture_output=True, text=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_commands(script, tmp_path):
    assert completions(script, 'mmgala', '', cwd=tmp_path) >= set(COMMANDS)
    assert completions(script, 'mmgala', 'tr', cwd=tmp_path) == {'train'}


def test_options_of_the_command(script, tmp_path):
    found = completions(script, 'mmgala', 'test', '--re', cwd=tmp_path)
    assert found == {'--rebalance'}


def test_paths(script, tmp_path):
    (tmp_path / 'my_config.py').touch()
    (tmp_path / 'my_folder').mkdir()

    found = completions(script, 'mmgala', 'train', 'my_', cwd=tmp_path)
    assert {name.rstrip('/') for name in found} == {'my_config.py', 'my_folder'}

    words = ('mmgala', 'train', 'my_config.py', '--work-dir', 'my_f')
    found = completions(script, *words, cwd=tmp_path)
    assert {name.rstrip('/') for name in found} == {'my_folder'}


def test_choices(script, tmp_path):
    words = ('mmgala', 'train', 'x.py', '--launcher', 'py')
    assert completions(script, *words, cwd=tmp_path) == {'pytorch'}


def test_zsh_reads_its_script(tmp_path):
    pytest.importorskip('shtab')
    made = run('completion', 'zsh').stdout

    assert made.startswith('#compdef mmgala')
    if shutil.which('zsh'):
        (tmp_path / '_mmgala').write_text(made)
        subprocess.run(['zsh', '-n', tmp_path / '_mmgala'], check=True)


def test_without_the_library_a_line_says_what_to_install(tmp_path):
    (tmp_path / 'shtab.py').write_text('raise ImportError')
    said = subprocess.run(
        [sys.executable, '-m', 'mmgala', 'completion', 'bash'],
        env=environment(PYTHONPATH=f'{tmp_path}{os.pathsep}{os.getcwd()}'),
        capture_output=True, text=True,
    )  # fmt: skip

    assert said.returncode == 1
    assert 'pip install shtab' in said.stderr
    assert said.stderr.count('\n') == 1
