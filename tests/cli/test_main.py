"""The command mmgala: its table, its help, and what its parsers import."""

import importlib.util
import subprocess
import sys

import pytest

from mmgala.cli import main as program
from mmgala.cli.main import COMMANDS
from mmgala.version import __version__
from tests.tools.command_line import ROOT, environment

HEAVY = {'torch', 'numpy', 'mmengine', 'mmpretrain', 'mmcv', 'matplotlib', 'scipy'}
BUILD_ALL = """
import importlib, sys
from mmgala.cli.main import COMMANDS
for name in COMMANDS:
    importlib.import_module(f'mmgala.cli.commands.{name}').build_parser().format_help()
print(*sys.modules, sep='\\n')
"""


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['/usr/bin/mmgala', *arguments])
    program.main()


@pytest.mark.parametrize('arguments', [(), ('--help',), ('-h',)])
def test_help_has_a_line_for_each_command(monkeypatch, capsys, arguments):
    call(monkeypatch, *arguments)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [words[0] for words in lines if words and words[0] in COMMANDS] == [
        *COMMANDS
    ]


def test_every_module_is_a_command_and_the_reverse():
    modules = {path.stem for path in ROOT.glob('mmgala/cli/commands/[a-z]*.py')}
    assert modules == set(COMMANDS)


def test_version(monkeypatch, capsys):
    call(monkeypatch, '--version')
    assert capsys.readouterr().out == f'mmgala {__version__}\n'


@pytest.mark.parametrize(
    ('name', 'advice'),
    [('trian', "mean 'train'"), ('xyz', 'start, train, test, predict, compare')],
)
def test_an_unknown_command_is_named_with_the_nearest(monkeypatch, name, advice):
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, name)

    assert name in end.value.code
    assert advice in end.value.code
    assert end.value.code.count('\n') == 0


@pytest.mark.parametrize('name', COMMANDS)
def test_usage_names_the_command(monkeypatch, capsys, name):
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, name, '--help')

    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f'usage: mmgala {name} ')


def test_parsers_are_built_without_large_imports():
    built = subprocess.run(
        [sys.executable, '-c', BUILD_ALL],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = set(built.stdout.split())

    assert 'mmgala.cli.commands.train' in imported
    assert not HEAVY & imported


def test_python_m_and_the_tools_call_the_same():
    for start, usage in (
        (['-m', 'mmgala', 'train'], 'mmgala train'),
        ([str(ROOT / 'tools' / 'train.py')], 'train.py'),
    ):
        said = subprocess.run(
            [sys.executable, *start, '--help'],
            env=environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said.stdout.startswith(f'usage: {usage} [-h]')


@pytest.mark.parametrize('tool', sorted(ROOT.glob('tools/**/*.py')), ids=str)
def test_tools_have_the_main_function_of_a_command(tool):
    spec = importlib.util.spec_from_file_location(tool.stem, tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.main.__module__ in {f'mmgala.cli.commands.{n}' for n in COMMANDS}
