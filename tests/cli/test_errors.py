"""Errors of the command-line tools: one line for those of the user."""

import pytest

from mmgala.cli.errors import one_line_errors
from mmgala.registry import MODELS


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (ValueError('tau is wrong'), 'error: tau is wrong'),
        (TypeError('no labels'), 'error: no labels'),
        (FileNotFoundError('x is not there'), 'error: x is not there'),
        (
            AssertionError('failed to load image: a.png'),
            'error: failed to load image: a.png',
        ),
        (ValueError('two\n  lines'), 'error: two   lines'),
        (AssertionError(), 'error: AssertionError'),
        (
            OSError(
                'Caught OSError in DataLoader worker process 0.\nOriginal Traceback '
                '(most recent call last):\n  File "x.py"\nOSError: a.png is broken\n'
            ),
            'error: OSError: a.png is broken',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_user_errors_end_the_program_with_one_line(error, line):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise error

    assert end.value.code == line


def test_traceback_on_request(monkeypatch):
    monkeypatch.setenv('MMGALA_TRACEBACK', '1')

    with pytest.raises(ValueError, match='^the error itself$'), one_line_errors():
        raise ValueError('the error itself')


@pytest.mark.parametrize('error', [RuntimeError, ZeroDivisionError, KeyboardInterrupt])
def test_other_errors_keep_their_traceback(error):
    with pytest.raises(error), one_line_errors():
        raise error


def test_a_key_alone_keeps_its_traceback():
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError('num_classes')


def test_an_unknown_type_in_a_config_ends_with_one_line():
    with pytest.raises(SystemExit) as end, one_line_errors():
        MODELS.build(dict(type='mmgala.NoSuchLoss'))

    assert end.value.code.startswith('error: ')
    assert 'NoSuchLoss is not in the' in end.value.code
    assert len(end.value.code.splitlines()) == 1


def test_nothing_happens_without_an_error():
    with one_line_errors():
        result = 1

    assert result == 1
