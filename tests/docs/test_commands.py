"""Every command line of every page is accepted by the program that it calls."""

import argparse
import importlib
import re
import runpy
import shlex
import sys

import pytest

from mmgala.cli.main import COMMANDS
from tests.docs.pages import PAGES, ROOT, code_blocks, commands, shell_lines, split
from tests.tools.command_line import load_tool

# What no test runs or parses, and why. Each is the start of a command line.
NOT_OURS = {
    'git clone': 'needs the address of the repository',
    'source .venv/bin/activate': 'changes the shell of the reader',
    'pip install': 'needs the network; benchmarks/stacks does it in fresh environments',
    'pip wheel': 'needs the network; tests/test_distribution.py builds the wheel',
    'docker build': 'needs Docker; tests/test_dockerfile.py follows the Dockerfile',
    'mim': 'needs openmim, which no environment of the tests has',
    '.venv/bin/pytest': 'is the command that runs this test',
    'python -m mmgala': 'is the program itself, without a command',
    'python -m mmgala.cli.torchrun': 'stands for torchrun in the line above it',
}
SCRIPTS = {'tools/dist_train.sh': 'train', 'tools/dist_test.sh': 'test'}


class Parsed(BaseException):  # no program catches it
    """Raised instead of going on after the arguments were parsed."""


def own_parser(words):
    """Parser of a command of mmgala or a file in tools, and its arguments."""
    if words[0] == 'torchrun':
        words = words[words.index('-m') + 1 :]
    end = words.index('>') if '>' in words else None
    if words[0] == 'mmgala' and words[1] in COMMANDS:
        return f'mmgala.cli.commands.{words[1]}', words[2:end]
    if words[0] in SCRIPTS:  # the number of processes follows the config or checkpoint
        tool = SCRIPTS[words[0]]
        place = 2 if tool == 'train' else 3
        assert words[place].isdecimal(), words
        return f'mmgala.cli.commands.{tool}', words[1:place] + words[place + 1 :]
    if words[:2] == ['python', '-m'] and words[2].startswith('mmgala.apis.'):
        return words[2], words[3:end]
    if words[0] == 'python' and words[1].startswith('tools/'):
        name = words[1].removeprefix('tools/').removesuffix('.py')
        return load_tool(name).main.__module__, words[2:end]
    return None


def exit_code(program, *arguments):
    """Exit code of parsing a command line; ``--list`` and the like end with 0."""
    try:
        program(*arguments)
    except SystemExit as end:
        return end.code
    except Parsed:
        return 0
    raise AssertionError('the program did not parse its arguments')


def accepts(module, arguments):
    """Whether the parser of a command takes the arguments."""
    parser = importlib.import_module(module).build_parser()
    try:
        parser.parse_args(arguments)
    except SystemExit as end:
        return end.code == 0
    return True


def is_program(words):
    """Whether a command line starts a file of benchmarks/ or projects/."""
    name = words[2] if words[:2] == ['python', '-m'] else words[1]
    return words[0] == 'python' and name.startswith(('benchmarks', 'projects'))


def parse_by_program(words, patch):
    """Start a program of benchmarks/ or projects/ until it has parsed its arguments."""
    module = words[1] == '-m'
    name, arguments = (words[2], words[3:]) if module else (words[1], words[2:])
    parse_args = argparse.ArgumentParser.parse_args

    def parse_only(self, *args, **kwargs):
        parse_args(self, *args, **kwargs)
        raise Parsed

    patch.setattr(argparse.ArgumentParser, 'parse_args', parse_only)
    patch.setattr(sys, 'argv', [name, *arguments])
    if module:
        return exit_code(runpy.run_module, name, None, '__main__')
    patch.syspath_prepend(ROOT / 'benchmarks')
    return exit_code(runpy.run_path, str(ROOT / name), None, '__main__')


def known(words):
    """Whether a command line is checked elsewhere, or listed with a reason."""
    line = ' '.join(words)
    return words[0] == 'make' or any(
        line == start or line.startswith(f'{start} ') for start in NOT_OURS
    )


@pytest.mark.parametrize('page', PAGES)
def test_the_program_accepts_the_command(page, monkeypatch):
    for words in commands(page):
        if (found := own_parser(words)) is not None:
            assert accepts(*found), words
        elif is_program(words):
            with monkeypatch.context() as patch:
                assert parse_by_program(words, patch) == 0, words
        else:
            assert known(words), words


def test_every_reason_is_needed():
    lines = [
        ' '.join(split(line))
        for page in PAGES
        for block in code_blocks(page, 'bash')
        for line in shell_lines(block)
    ] + ['python -m mmgala', 'python -m mmgala.cli.torchrun']  # within a sentence
    unused = [s for s in NOT_OURS if not any(line.startswith(s) for line in lines)]
    assert unused == []


def test_extras_exist():
    setup = (ROOT / 'setup.py').read_text()
    named = {
        name
        for page in PAGES
        for name in re.findall(r'mmgala\[(\w+)\]', (ROOT / page).read_text())
    }
    assert {'tools', 'onedl'} <= named
    assert named <= set(re.findall(r"^    '(\w+)': ", setup, re.M)) | {'detection'}


def test_a_wrong_flag_is_noticed(monkeypatch):
    program = shlex.split('python benchmarks/loss.py --no-such-flag')
    assert parse_by_program(program, monkeypatch) == 2
    for line in (
        'mmgala train a.py --no-such-flag',
        'mmgala merge one.pth',
    ):
        assert not accepts(*own_parser(shlex.split(line)))
