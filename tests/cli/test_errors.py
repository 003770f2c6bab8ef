"""Errors of the command-line tools: one line, and a place if nobody foresaw them."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.config.lazy import LazyObject
from torch.utils.data import DataLoader

from mmgala.cli.errors import one_line_errors
from mmgala.registry import MODELS


def line_of(action):
    """The line with which a tool ends whose main function does this."""
    with pytest.raises(SystemExit) as end, one_line_errors():
        action()
    assert len(end.value.code.splitlines()) == 1
    return end.value.code


def raising(error):
    def action():
        raise error

    return action


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
        (ValueError('two\n  lines'), 'error: two lines'),
        (AssertionError(), 'error: AssertionError'),
        (MemoryError(), 'error: Out of memory: use a smaller batch_size'),
        (torch.OutOfMemoryError('2 GiB'), 'error: Out of memory (2 GiB): use a small'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_checks_are_the_users(error, line):
    assert line_of(raising(error)).startswith(line)


def test_a_full_disk_is_no_bug():
    line = line_of(lambda: Path('/dev/full').write_text('x'))

    assert 'No space left on device' in line
    assert 'free some space' in line
    assert 'unexpected' not in line


class Broken:
    """A data set whose images cannot be read."""

    def __init__(self, action):
        self.action = action

    def __len__(self):
        return 1

    def __getitem__(self, index):
        self.action()


def first_batch(action):
    return lambda: next(iter(DataLoader(Broken(action), num_workers=1)))


def test_of_an_error_in_a_loader_worker_the_reason_is_shown():
    action = first_batch(raising(OSError('a.png is broken')))

    assert line_of(action) == 'error: a.png is broken'


def test_a_bug_in_a_loader_worker_shows_where_it_is():
    line = line_of(first_batch(lambda: [][0]))

    assert line.startswith('error: unexpected IndexError: list index out of range (in ')
    assert f'{__file__}:' in line


@pytest.mark.parametrize(
    ('action', 'text'),
    [
        (raising(RuntimeError('broken')), 'RuntimeError: broken'),
        (raising(NotImplementedError()), 'NotImplementedError'),
        (raising(KeyError('num_classes')), 'KeyError: num_classes'),
        (lambda: 1 / 0, 'ZeroDivisionError: division by zero'),
        # No check has raised these two.
        (lambda: len(3), "TypeError: object of type 'int' has no len()"),
        (lambda: int('x'), 'ValueError: invalid literal for int'),
        (lambda: json.loads('[' * 100_000), 'RecursionError: maximum recursion depth'),
    ],
)
def test_an_unexpected_error_shows_its_type_and_place(action, text):
    line = line_of(action)

    assert line.startswith(f'error: unexpected {text}')
    assert '.py:' in line.partition('(in /')[2]
    assert 'report it with the traceback that MMGALA_TRACEBACK=1 shows' in line


def test_the_place_is_in_our_code_also_if_a_library_raises():
    from mmgala.functional import rebalance

    line = line_of(lambda: rebalance(None))

    assert '(in mmgala/functional/rebalance.py:' in line


def test_traceback_on_request(monkeypatch):
    monkeypatch.setenv('MMGALA_TRACEBACK', '1')

    with pytest.raises(ValueError, match='^the error itself$'), one_line_errors():
        raise ValueError('the error itself')


def test_ctrl_c_is_no_error():
    with pytest.raises(KeyboardInterrupt), one_line_errors():
        raise KeyboardInterrupt


def test_an_unknown_type_in_a_config_is_the_users():
    line = line_of(lambda: MODELS.build(dict(type='mmgala.NoSuchLoss')))

    assert 'unexpected' not in line
    assert 'NoSuchLoss is not in the' in line


def test_an_unknown_argument_in_a_config_is_the_users():
    line = line_of(
        lambda: MODELS.build(dict(type='mmgala.GALALoss', num_classes=3, eta=1))
    )

    assert 'unexpected keyword' in line
    assert "'eta'" in line
    assert 'report' not in line


def test_nothing_happens_without_an_error():
    with one_line_errors():
        result = 1

    assert result == 1


def test_a_type_of_a_new_style_config_that_cannot_be_imported_is_named():
    """Looking at the value again, for the message, would raise the error again."""
    config = ConfigDict(type=LazyObject('mmgala.models', 'NoSuchLoss'))

    line = line_of(lambda: MODELS.build(config))

    assert 'Failed to import NoSuchLoss from mmgala.models' in line
    assert 'In the config: ' in line


def test_an_error_that_cannot_be_described_is_one_line_still(monkeypatch):
    def fail(error):
        raise RuntimeError('while describing')

    monkeypatch.setattr('mmgala.cli.errors.describe', fail)

    line = line_of(raising(ValueError('tau is wrong')))

    assert line.startswith('error: unexpected ValueError: tau is wrong.')


def test_an_error_while_a_config_is_built_names_the_objects_and_their_arguments():
    head = dict(type='mmgala.GALAHead', num_classes=4, in_channels='wide')
    model = dict(type='ImageClassifier', backbone=dict(type='LeNet5'), head=head)

    line = line_of(lambda: MODELS.build(dict(model, _scope_='mmpretrain')))

    assert 'ImageClassifier > mmgala.GALAHead in the config cannot be built' in line
    assert "in_channels='wide'" in line
    assert 'mmgala/models/heads/' in line


def test_an_argument_that_a_check_refuses_names_the_object():
    head = dict(type='mmgala.GALAHead', num_classes=1, in_channels=3)

    line = line_of(lambda: MODELS.build(head))

    assert line.startswith('error: Expected `num_classes` to be 2 or more, but got 1.')
    assert line.endswith('(In the config: mmgala.GALAHead > mmgala.GALALoss.)')


@pytest.mark.parametrize(
    ('message', 'cure'),
    [
        ('mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)', 'in_channels'),
        ('stack expects each tensor to be equal size', 'Resize'),
        ('Trying to resize storage that is not resizable', 'different sizes'),
        ('DataLoader worker (pid 7) is killed by signal: Killed.', 'num_workers'),
        ('Class values must be smaller than num_classes.', 'data_preprocessor'),
        ('operator torchvision::nms does not exist', 'mmgala doctor'),
        ("cannot import name 'GradScaler' from 'torch.amp'", 'mmgala doctor'),
        ('Numpy is not available', 'mmgala doctor'),
    ],
)
def test_known_errors_of_libraries_have_a_remedy(message, cure):
    line = line_of(raising(RuntimeError(message)))

    assert cure in line
    assert message in line
    assert 'unexpected' not in line
