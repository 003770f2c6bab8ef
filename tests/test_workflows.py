"""What the workflows and templates of GitHub name exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.stacks.catalogue import STACKS

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*.yml'))


def read(name: str) -> dict[Any, Any]:
    """A workflow; its key `on` is read as True."""
    return yaml.safe_load((ROOT / '.github' / 'workflows' / name).read_text())


def commands() -> list[str]:
    """Lines of all steps."""
    return [
        line
        for path in WORKFLOWS
        for job in read(path.name)['jobs'].values()
        for step in job.get('steps', ())
        for line in step.get('run', '').splitlines()
    ]


def test_commands_name_what_exists():
    lines = commands()
    makefile = (ROOT / 'Makefile').read_text()
    targets = [t for line in lines for t in re.findall(r'make ([\w-]+)', line)]
    files = [f for line in lines for f in re.findall(r'(?:-r|pytest) (\w\S+)', line)]
    assert 'test' in targets
    assert len(files) >= 4
    assert [t for t in targets if not re.search(rf'^{t}:', makefile, re.M)] == []
    assert [f for f in files if not (ROOT / f).exists()] == []


def test_every_stack_is_tried_each_week():
    matrix = read('stacks.yml')['jobs']['stack']['strategy']['matrix']
    assert matrix['stack'] == list(STACKS)


def test_a_wheel_is_tried_in_stacks_that_exist():
    (line,) = [line for line in commands() if 'benchmarks.stacks torch-only' in line]
    names = line.split('benchmarks.stacks ')[1].split(' --')[0].split()
    assert set(names) <= set(STACKS)


def test_the_version_that_a_release_checks_is_the_one_of_the_package():
    (line,) = [line for line in commands() if '__version__' in line]
    pattern = re.search(r's/(.*?)/', line)[1].replace(r'\(', '(').replace(r'\)', ')')
    from mmgala.version import __version__

    found = re.findall(pattern, (ROOT / 'mmgala' / 'version.py').read_text(), re.M)
    assert found == [__version__]


def test_a_release_states_its_repository():
    (line,) = [line for line in commands() if 'CITATION.cff' in line]
    pattern = re.search(r's\|(.*?)\|', line)[1]
    assert len(re.findall(pattern, (ROOT / 'CITATION.cff').read_text(), re.M)) == 1


@pytest.mark.parametrize('name', ['bug.yml', 'feature.yml'])
def test_a_form_asks_for_something(name):
    form = yaml.safe_load((ROOT / '.github' / 'ISSUE_TEMPLATE' / name).read_text())
    required = [
        field['id']
        for field in form['body']
        if field.get('validations', {}).get('required')
    ]
    assert required == (['what', 'doctor'] if name == 'bug.yml' else ['need'])
