"""Tests that start processes are slow without being marked."""

import subprocess

import pytest

from tests.slow_tests import starts_process
from tests.tools.command_line import run


def direct():
    subprocess.run(['true'])


def nested():
    return [lambda: subprocess.Popen(['true'])]


def by_a_helper():
    direct()


def by_a_helper_of_another_file():
    run('train', 'x.py')


def itself():
    return itself and 'import subprocess'


@pytest.mark.parametrize(
    ('function', 'found'),
    [
        (direct, True),
        (nested, True),
        (by_a_helper, True),
        (by_a_helper_of_another_file, True),
        (itself, False),
        (len, False),
    ],
)
def test_functions_that_start_processes_are_found(function, found):
    assert starts_process(function) == found
