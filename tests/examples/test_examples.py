"""Each example runs, and prints about what its head says."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'examples'
NEEDED = {
    'hugging_face_trainer': ('transformers', 'accelerate'),
    'lightning_module': ('lightning', 'sklearn'),
    'plain_loop': (),
    'tabular_fraud': ('sklearn',),
    'text_topics': (),
    'timm_training': ('timm', 'sklearn'),
}
# Points by which a number may differ with another release of a library. Those of rare
# classes come from some hundred test samples and a handful of training samples.
TOLERANCE = 8.0
ROW = re.compile(r'\s*(\S.*?)((?:\s+\d+\.\d){4})\s*')


def rows(text):
    """Numbers of each line that ends in four of them, by what it begins with."""
    found = [match for line in text.splitlines() if (match := ROW.fullmatch(line))]
    return {m[1]: [float(n) for n in m[2].split()] for m in found}


def head(path):
    return ast.get_docstring(ast.parse(path.read_text()))


def test_all_examples_are_here_and_in_the_table():
    assert {path.stem for path in FOLDER.glob('*.py')} == NEEDED.keys()
    table = (FOLDER / 'README.md').read_text()
    for path in FOLDER.glob('*.*'):
        if path.suffix in ('.py', '.ipynb'):
            assert f'[{path.name}]({path.name})' in table


@pytest.mark.parametrize('name', NEEDED)
def test_an_example_is_short(name):
    assert len((FOLDER / f'{name}.py').read_text().splitlines()) < 80


def test_the_table_has_the_few_shot_numbers_of_the_heads():
    table = (FOLDER / 'README.md').read_text()
    lines = dict(re.findall(r'^\| (\w+)\.py \|(.*)\|$', table, re.MULTILINE))
    assert len(lines) == 5
    for name, line in lines.items():
        stated = rows(head(FOLDER / f'{name}.py'))
        expected = [stated[loss][-1] for loss in ('cross-entropy', 'GALA')]
        assert [float(cell) for cell in line.split('|')] == expected


@pytest.mark.slow
@pytest.mark.parametrize('name', NEEDED)
def test_an_example_prints_what_its_head_says(name, tmp_path):
    for module in NEEDED[name]:
        pytest.importorskip(module, reason=f'{name} needs {module}: see requirements')
    path = FOLDER / f'{name}.py'
    result = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    printed, stated = rows(result.stdout), rows(head(path))
    assert printed.keys() == stated.keys()
    assert {'cross-entropy', 'GALA'} <= printed.keys()
    for loss, numbers in stated.items():
        assert printed[loss] == pytest.approx(numbers, abs=TOLERANCE), loss
