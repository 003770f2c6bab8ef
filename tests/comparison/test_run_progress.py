"""How long the other runs take, from those that are done."""

import pytest

from mmgala.comparison import run_progress as progress
from mmgala.comparison.run_progress import RunProgress, duration


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def test_time_left_is_told_from_what_was_done_in_this_call(clock):
    shown = RunProgress(4, finished=1)
    assert shown.time_left() == ''
    shown.advanced('resumed', 0.75)  # of which nothing was done just now
    assert shown.time_left() == ''
    clock[0] = 10
    shown.ended('resumed', 10, None)  # a quarter of a run in ten seconds
    assert shown.time_left() == '80 s'
    clock[0] = 50
    shown.ended('new', 40, None)
    assert shown.time_left() == '40 s'
    shown.ended('last', 0, 'reason')
    assert shown.time_left() == ''


@pytest.mark.parametrize(
    ('seconds', 'text'), [(99, '99 s'), (101, '2 min'), (7000, '1.9 h')]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
