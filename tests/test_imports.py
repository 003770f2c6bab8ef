"""Imports flow one way: functional <- everything else <- detection <- tools."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / 'mmgala').rglob('*.py'))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

# What a part may import of mmgala besides itself; `detection` may import all.
ALLOWED = {
    '': {'version'},
    'version': set(),
    'registry': set(),
    'functional': set(),
    'models': {'functional', 'registry'},
    'datasets': {'functional', 'registry'},
    'evaluation': {'functional', 'registry'},
    'analysis': {'functional', 'evaluation'},
    'visualization': {'functional'},
    'preparation': {'datasets'},
    'engine': {
        'functional',
        'registry',
        'datasets',
        'evaluation',
        'analysis',
        'visualization',
    },
    'retraining': {
        'functional',
        'registry',
        'models',
        'datasets',
        'evaluation',
        'engine',
    },
    'comparison': {
        'functional',
        'registry',
        'models',
        'datasets',
        'evaluation',
        'engine',
        'analysis',
        'visualization',
        'retraining',
    },
}
# Which part needs what: MMDetection is never needed but by its own.
FORBIDDEN = {
    'visualization': {'mmengine', 'mmpretrain', 'mmcv', 'mmdet'},
    'detection': set(),
}


def imported_modules(source: str, package: str) -> set[str]:
    """Full name of every module or name that Python source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                parents = package.split('.')[: len(package.split('.')) - node.level + 1]
                base = '.'.join([*parents, *([base] if base else [])])
            found |= {f'{base}.{alias.name}' for alias in node.names}
    return found


def part_of(path: Path) -> str:
    """Subpackage or module of mmgala; '' for mmgala itself."""
    name = path.relative_to(ROOT / 'mmgala').with_suffix('').parts[0]
    return '' if name == '__init__' else name


def imports_of(path: Path) -> set[str]:
    package = '.'.join(path.parent.relative_to(ROOT).parts)
    return imported_modules(path.read_text(), package)


def parts_of_mmgala(modules: set[str]) -> set[str]:
    return {m.split('.')[1] for m in modules if m.startswith('mmgala.')}


def test_all_files_are_looked_at():
    parts = {part_of(path) for path in FILES}
    assert {'', 'functional', 'models', 'datasets', 'evaluation', 'engine'} <= parts
    assert parts <= {*ALLOWED, 'detection'}, 'a new part: say what it may import'


@pytest.mark.parametrize(
    ('source', 'expected'),
    [
        ('import torch.nn as nn', {'torch.nn'}),
        ('from mmgala import models', {'mmgala.models'}),
        ('def f():\n    from mmdet.models import X', {'mmdet.models.X'}),
        ('from ..detection import X', {'mmgala.detection.X'}),
        ('from . import losses', {'mmgala.models.losses'}),
    ],
)
def test_imports_of_every_form_are_seen(source, expected):
    assert imported_modules(source, 'mmgala.models') == expected


@pytest.mark.parametrize('path', FILES, ids=NAMES)
def test_a_part_imports_only_the_parts_below_it(path):
    part = part_of(path)
    if part == 'detection':
        return
    assert parts_of_mmgala(imports_of(path)) <= {part, *ALLOWED[part]}


@pytest.mark.parametrize('path', FILES, ids=NAMES)
def test_a_part_imports_only_the_libraries_that_it_may(path):
    libraries = {module.split('.')[0] for module in imports_of(path)}
    assert not libraries & {'tools', 'tests', 'benchmarks'}
    assert not libraries & FORBIDDEN.get(part_of(path), {'mmdet'})


@pytest.mark.parametrize('path', [p for p in FILES if part_of(p) == 'functional'])
def test_functional_imports_torch_alone(path):
    libraries = {module.split('.')[0] for module in imports_of(path)}
    assert libraries <= {'torch', 'mmgala', *sys.stdlib_module_names}


def test_hooks_need_no_library_of_the_analyses():
    # An OpenMMLab installation of one's own has none of these.
    code = (
        'import sys\n'
        "for name in ('plotly', 'scipy', 'torchmetrics', 'matplotlib.figure'):\n"
        '    sys.modules[name] = None\n'
        'from mmgala.engine import ClassCountsHook, GradientStatisticsHook\n'
        'GradientStatisticsHook()\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT, timeout=120)
