"""How every command imports its work."""

import ast

import pytest

from mmgala.cli.main import COMMANDS
from tests.tools.command_line import ROOT


@pytest.mark.parametrize('name', COMMANDS)
def test_late_imports_are_made_where_a_signal_ends_the_process(name):
    """An exception in the middle of an import can crash it."""
    tree = ast.parse((ROOT / 'mmgala' / 'cli' / 'commands' / f'{name}.py').read_text())
    late = {
        id(node)
        for function in tree.body
        if isinstance(function, (ast.FunctionDef, ast.ClassDef))
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module.startswith('mmgala.')
    }
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and ast.unparse(block.items[0]) == 'importing()'
        for node in ast.walk(block)
    }

    assert late <= guarded
    assert late or name in ('completion', 'doctor')
