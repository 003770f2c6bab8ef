"""Who may print what while a command runs."""

import contextlib
import logging
import subprocess
import sys
import sysconfig
import uuid
import warnings

import pytest
from mmengine.logging import MMLogger, print_log

from mmgala.console import command_session, result, say, warn
from mmgala.console.mmengine_log import use_session
from mmgala.utils.files import UnlockedWarning

LIBRARY = f'{sysconfig.get_paths()["purelib"]}/noisy/core.py'


def of_library(code, **names):
    """Execute code as if it was a library's."""
    exec(compile(code, LIBRARY, 'exec'), {'__name__': 'noisy.core', **names})


def of_project(code, **names):
    """Execute code as if it was this project's."""
    exec(compile(code, 'some.py', 'exec'), {'__name__': 'mmgala.some', **names})


@contextlib.contextmanager
def quiet(verbose=False):
    """A command. Not for fixtures: pytest replaces the streams after them."""
    with command_session() as session:
        session.start(verbose)
        use_session()
        yield session


def logger_to(path):
    """A logger of MMEngine with a file, as that of a training."""
    return MMLogger.get_instance(uuid.uuid4().hex, log_file=str(path))


@pytest.fixture
def path(tmp_path):
    """Path of a log file."""
    return tmp_path / 'training.log'


def test_results_go_to_stdout_and_messages_to_stderr(capsys):
    with quiet():
        result('a result')
        say('a message')
        warn('a problem')

    printed = capsys.readouterr()
    assert printed.out == 'a result\n'
    assert printed.err == 'a message\nwarning: a problem\n'


def test_what_libraries_print_and_warn_is_only_in_the_log(path, capsys):
    with quiet():
        logger_to(path)
        of_library('print("noise")')
        of_library('import sys; sys.stderr.write("more noise\\n")')
        of_library('import warnings; warnings.warn("deprecated", FutureWarning)')

    assert capsys.readouterr() == ('', '')
    text = path.read_text()
    assert 'noise\nmore noise\n' in text
    assert 'FutureWarning: deprecated' in text


def test_what_was_printed_before_there_was_a_log_is_in_it(path):
    with quiet():
        of_library('print("early")')
        logger_to(path).info('later')
        of_library('print("last")')

    early, later, last = path.read_text().splitlines()
    assert (early, last) == ('early', 'last')
    assert later.endswith('INFO - later')


def test_what_a_user_prints_is_shown(capsys):
    with quiet():
        print('in a module of the user')

    assert capsys.readouterr() == ('', 'in a module of the user\n')


def test_the_console_shows_what_this_project_logs(path, capsys):
    with quiet():
        logger = logger_to(path)
        of_library('logger.info("library")', logger=logger)
        of_library('logger.warning("its warning")', logger=logger)
        of_project('logger.info("ours")', logger=logger)
        of_project('print_log("ours, too", logger="current")', print_log=print_log)
        of_project('logger.warning("careful")', logger=logger)
        of_library('logger.error("broken")', logger=logger)

    assert capsys.readouterr().err.splitlines() == [
        'ours', 'ours, too', 'warning: careful', 'warning: broken',
    ]  # fmt: skip
    logged = path.read_text()
    for text in ('library', 'its warning', 'ours', 'ours, too', 'careful', 'broken'):
        assert f'- {text}\n' in logged


def test_a_line_is_shown_once(path, capsys):
    with quiet():
        logger = logger_to(path)
        for _ in range(2):
            of_project('logger.info("Long-tailed subset")', logger=logger)

    assert capsys.readouterr().err == 'Long-tailed subset\n'


def test_a_warning_of_this_project_is_shown(capsys):
    with quiet():
        warnings.warn('no locks here', UnlockedWarning, stacklevel=1)

    assert capsys.readouterr().err == 'warning: no locks here\n'


def test_verbose_shows_everything_on_stderr(path, capsys):
    with command_session() as session:
        with session.capturing():
            of_library('print("while importing")')
        session.start(verbose=True)
        use_session()
        logger = logger_to(path)
        of_library('logger.info("from the library")', logger=logger)
        of_library('import warnings; warnings.warn("deprecated", FutureWarning)')
        result('a result')

    printed = capsys.readouterr()
    assert printed.out == 'a result\n'
    for text in ('while importing', '- INFO - from the library', 'deprecated'):
        assert text in printed.err


def test_the_first_rank_speaks(monkeypatch, capsys):
    monkeypatch.setenv('RANK', '1')
    with quiet():
        result('a result')
        say('a message')
        warn('a problem')
        print('of the user')

    assert capsys.readouterr() == ('', '')


def test_afterwards_everything_is_as_it_was(path, capsys):
    before = sys.stdout, sys.stderr, warnings.showwarning
    with quiet():
        logger_to(path)
        assert sys.stdout is not before[0]

    assert (sys.stdout, sys.stderr, warnings.showwarning) == before


def test_without_a_command_loggers_print_as_ever(capsys):
    with quiet():
        logger = MMLogger.get_instance(uuid.uuid4().hex)
    logger.info('after the command')
    other = MMLogger.get_instance(uuid.uuid4().hex)
    assert type(other.handlers[0]) is logging.StreamHandler

    printed = capsys.readouterr()
    assert printed.out.endswith('- after the command\n')
    assert printed.err == ''


def test_loggers_from_before_the_command_are_quiet_in_it(capsys):
    logger = MMLogger.get_instance(uuid.uuid4().hex)
    with quiet():
        of_library('logger.info("library")', logger=logger)
        of_project('logger.info("ours")', logger=logger)

    assert capsys.readouterr() == ('', 'ours\n')


CHILD = """
import os, sys
from mmgala.console import command_session, result
with command_session() as session:
    session.start(verbose={verbose})
    os.write(1, b'from C\\n')
    result('a result')
    os.system('echo from a child')
print('afterwards')
"""


@pytest.mark.parametrize('verbose', [False, True])
def test_c_libraries_and_children_do_not_write_to_stdout(verbose):
    done = subprocess.run(
        [sys.executable, '-c', CHILD.format(verbose=verbose)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == 'a result\nafterwards\n'
    assert done.stderr == ('from C\nfrom a child\n' if verbose else '')
