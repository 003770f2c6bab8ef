"""Imports that raise, that end the process, and that never return."""

import sys

import pytest

from mmgala.cli.doctor.probing import Probe, probe_all

MODULES = {
    'fake_good': "print('hello'); __version__ = '1.2'",
    'fake_raising': "raise OSError('libGL.so.1:\\n cannot open')",
    'fake_exiting': 'import sys; sys.exit(3)',
    'fake_dying': 'import os; os._exit(7)',
    'fake_crashing': 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
    'fake_hanging': 'import time; time.sleep(600)',
    'fake_needing': 'import fake_absent.part',
}


@pytest.fixture(autouse=True)
def fake_modules(tmp_path, monkeypatch):
    for name, code in MODULES.items():
        (tmp_path / f'{name}.py').write_text(code)
    monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])


def test_versions_and_reasons():
    found = probe_all(['fake_good', 'fake_raising', 'fake_exiting', 'fake_absent'])
    assert found == {
        'fake_good': Probe(True, '1.2'),
        'fake_raising': Probe(False, error='OSError: libGL.so.1: cannot open'),
        'fake_exiting': Probe(False, error='SystemExit: 3'),
        'fake_absent': Probe(
            False,
            error="ModuleNotFoundError: No module named 'fake_absent'",
            missing=True,
        ),
    }


def test_a_package_that_lacks_another_is_not_missing_itself():
    found = probe_all(['fake_needing'])['fake_needing']
    assert not found.missing
    assert 'fake_absent' in found.error


def test_an_import_that_ends_the_process_leaves_the_others():
    found = probe_all(['fake_dying', 'fake_crashing', 'fake_good'])
    assert found['fake_dying'].error == 'the import ended the process with status 7'
    assert found['fake_crashing'].error == 'the import ended the process with signal 9'
    assert found['fake_good'].ok


def test_an_import_that_never_returns_leaves_the_others():
    found = probe_all(['fake_hanging'], limit=2)
    assert not found['fake_hanging'].ok
    assert '2 seconds' in found['fake_hanging'].error


def test_files_of_the_current_folder_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / 'json.py').write_text("open('trap', 'w')")
    monkeypatch.chdir(tmp_path)

    assert probe_all(['numpy'])['numpy'].ok
    assert not (tmp_path / 'trap').exists()
