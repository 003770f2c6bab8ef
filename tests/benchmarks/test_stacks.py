"""The program that tries stacks: what it calls a failure, and what it names."""

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks.stacks import __main__ as program
from benchmarks.stacks.catalogue import STACKS, Stack
from benchmarks.stacks.environment import ROOT, Environment, find_python
from benchmarks.stacks.trials import OPENMMLAB_TRIALS, try_core, try_test

STACK = Stack('fake', '3.11', (('torch',),), (('{project}',),))


class FakeEnvironment(Environment):
    """Knows the packages after each installation; installs nothing."""

    after: dict[str, dict[str, str]]

    def __init__(self, folder, python):
        folder.mkdir(exist_ok=True)
        self.installed = {}

    def install(self, arguments, project):
        self.installed |= self.after[arguments[0]]

    def packages(self):
        return dict(self.installed)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(program, 'Environment', FakeEnvironment)
    monkeypatch.setattr(program, 'find_python', str)
    return FakeEnvironment


def test_an_installation_that_changes_a_package_is_a_failure(fake, tmp_path):
    fake.after = {'torch': {'numpy': '1.26'}, '{project}': {'numpy': '2.2'}}
    with pytest.raises(RuntimeError, match='changed numpy'):
        program.make(STACK, tmp_path / 'env', 'project', keep=False)


def test_an_installation_that_adds_packages_is_none(fake, tmp_path):
    fake.after = {'torch': {'numpy': '1.26'}, '{project}': {'scipy': '1.15'}}
    made = program.make(STACK, tmp_path / 'env', 'project', keep=False)
    assert made.packages() == {'numpy': '1.26', 'scipy': '1.15'}


def test_a_python_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('PYENV_ROOT', str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'3\.99'):
        find_python('3.99')


def this_python(tmp_path) -> Environment:
    """An environment whose programs are this Python, and a `mmgala` that prints."""
    environment = Environment(tmp_path, None)
    environment.bin.mkdir()
    (environment.bin / 'python').symlink_to(sys.executable)
    return environment


@pytest.mark.parametrize(('top1', 'works'), [('37.6', True), ('9.8', False)])
def test_an_accuracy_no_better_than_guessing_is_a_failure(tmp_path, top1, works):
    environment = this_python(tmp_path)
    script = environment.bin / 'mmgala'
    script.write_text(f'#!/bin/sh\necho "accuracy/top1: {top1}00"\n')
    script.chmod(0o755)
    assert try_test(environment, tmp_path).ok is works


def test_a_core_without_torch_is_a_failure_with_its_reason(tmp_path):
    environment = this_python(tmp_path)
    python = environment.bin / 'python'
    python.unlink()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    python.chmod(0o755)
    outcome = try_core(environment, tmp_path)
    assert not outcome.ok
    assert 'No module named' in outcome.text


def test_files_and_extras_of_the_catalogue_exist():
    installs = [
        words for stack in STACKS.values() for words in stack.before + stack.project
    ]
    files = {words[-1] for words in installs if '-r' in words}
    extras = {e for words in installs for e in re.findall(r'\[(\w+)\]', words[0])}
    setup = (ROOT / 'setup.py').read_text()
    assert len(files) == 2
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert extras == {'tools', 'onedl'}
    assert [name for name in extras if f"'{name}': requirements(" not in setup] == []


def test_stored_results_are_of_stacks_in_the_catalogue():
    results = json.loads(Path(program.RESULTS).read_text())
    assert set(results) <= set(STACKS)
    for name, result in results.items():
        assert result['python'] == STACKS[name].python
        expected = {'core', *(OPENMMLAB_TRIALS if STACKS[name].openmmlab else ())}
        assert set(result['trials']) == expected
