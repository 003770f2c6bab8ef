"""The entry point that all tools share."""

import importlib
import sys

import pytest

from mmgala.cli import interrupts
from mmgala.cli.command import command


@command
def interrupted() -> None:
    raise KeyboardInterrupt


@command
def refused() -> None:
    raise ValueError('tau is -1:\nchoose a positive number')


def test_ctrl_c_ends_in_one_line_with_the_status_of_shells(capsys, monkeypatch):
    monkeypatch.setattr(interrupts._State, 'said', False)  # once in a process
    with pytest.raises(SystemExit) as end:
        interrupted()
    assert end.value.code == 130
    assert capsys.readouterr().err.count('\n') == 1


def test_an_error_of_the_input_ends_in_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        refused()
    assert end.value.code == 'error: tau is -1: choose a positive number'


@command
def lacking() -> None:
    importlib.import_module('mmpretrain.no_such')


def test_a_missing_package_of_openmmlab_is_named_with_the_way_to_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith('mmpretrain')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'meta_path', [])
    with pytest.raises(SystemExit) as end:
        lacking()
    assert 'mmgala doctor' in end.value.code
    assert "'mmpretrain'" in end.value.code
