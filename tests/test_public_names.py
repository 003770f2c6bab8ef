"""`mmgala` itself: names that are imported when they are first used."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mmgala

ROOT = Path(__file__).resolve().parents[1]
CORE = ('functional', 'losses', 'post_hoc')
EDGE = ('datasets', 'detection', 'engine', 'evaluation', 'models')
OPENMMLAB = ('mmengine', 'mmpretrain', 'mmcv', 'mmdet', 'torchvision')


def run(code):
    """Standard output of a fresh process."""
    result = subprocess.run(
        [sys.executable, '-c', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize('package', CORE)
def test_every_public_name_of_the_core_is_there(package):
    module = importlib.import_module(f'mmgala.{package}')
    assert set(mmgala._CORE[package]) == set(module.__all__)
    for name in module.__all__:
        assert getattr(mmgala, name) is getattr(module, name)
        assert name in mmgala.__all__


@pytest.mark.parametrize('package', EDGE)
def test_every_public_name_that_needs_openmmlab_is_there(package):
    pytest.importorskip('mmpretrain')
    if package == 'detection':
        pytest.importorskip('mmdet')
    module = importlib.import_module(f'mmgala.{package}')
    public = set(getattr(module, '__all__', ()))
    if package == 'models':
        for part in ('backbones', 'classifiers', 'heads'):
            public |= set(importlib.import_module(f'mmgala.models.{part}').__all__)
    assert set(mmgala._EDGE[package]) == public
    for name in public:
        assert getattr(mmgala, name) is getattr(module, name)


def test_every_name_that_a_config_can_use_is_there():
    pytest.importorskip('mmdet')
    from mmgala import registry

    for name in mmgala._EDGE:
        importlib.import_module(f'mmgala.{name}')
    for table in vars(registry).values():
        if isinstance(table, registry.Registry):
            for name, kind in table.module_dict.items():
                if kind.__module__.startswith('mmgala.'):  # not of a test
                    assert getattr(mmgala, name) is kind


def test_dir_lists_all_without_importing():
    names = run(
        'import mmgala, sys\nprint(*dir(mmgala))\nassert "torch" not in sys.modules'
    )
    assert {'GALALoss', 'PlanktonSet', 'functional', '__version__'} <= {*names.split()}


def test_importing_mmgala_imports_neither_torch_nor_numpy():
    heavy = run(
        'import mmgala, sys\n'
        "print(*{'torch', 'numpy', 'mmengine', 'matplotlib'} & {*sys.modules})"
    )
    assert heavy.split() == []


def test_the_core_imports_no_openmmlab_where_it_is_installed():
    found = run(
        'from mmgala import *\nimport sys\nGALALoss(3)\n'
        f'print(*{{*{OPENMMLAB}}} & {{name.split(".")[0] for name in sys.modules}})'
    )
    assert found.split() == []


@pytest.mark.parametrize(
    ('name', 'near'),
    [('GALALos', 'GALALoss'), ('galaloss', 'GALALoss'), ('rebalanse', 'rebalance'),
     ('PlanktonDataset', 'PlanktonSet'), ('Functional', 'functional')],
)  # fmt: skip
def test_an_unknown_name_is_refused_with_the_nearest(name, near):
    with pytest.raises(AttributeError, match=f"'{name}': did you mean '{near}'"):
        getattr(mmgala, name)


def test_a_name_like_no_other_is_refused():
    with pytest.raises(AttributeError, match=r"'xyzzy': dir\(mmgala\)"):
        getattr(mmgala, 'xyzzy')  # noqa: B009


@pytest.mark.parametrize(
    ('name', 'blocked', 'remedy'),
    [
        ('GALAHead', 'mmengine', 'mmgala[onedl]'),
        ('PlanktonSet', 'mmengine', 'mmgala[onedl]'),
        ('models', 'mmengine', 'mmgala[onedl]'),
        ('GALABBoxLoss', 'mmdet', 'install-detection'),
        ('GALALoss', 'torch', 'pip install torch'),
        ('functional', 'torch', 'pip install torch'),
    ],
)
def test_a_name_whose_package_is_missing_says_what_to_install(name, blocked, remedy):
    code = (
        'import sys\n'
        f'sys.modules[{blocked!r}] = None\n'
        'try:\n'
        f'    from mmgala import {name}\n'
        'except ImportError as error:\n'
        '    print(error)\n'
    )
    lines = [line for line in run(code).splitlines() if line.startswith('mmgala.')]
    assert len(lines) == 1
    assert name in lines[0]
    assert blocked in lines[0]
    assert remedy in lines[0]
