"""Time left, estimated from the runs that are done."""

import pytest

from mmgala.utils import progress
from mmgala.utils.progress import RunProgress, duration


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def test_time_left_is_estimated_from_the_work_in_this_call(clock):
    progress = RunProgress(4, finished=1)
    assert progress.time_left() == ''
    progress.advanced('resumed', 0.75)  # all of it done in an earlier call
    assert progress.time_left() == ''
    clock[0] = 10
    progress.ended('resumed', 10, None)  # a quarter of a run in ten seconds
    assert progress.time_left() == '80 s'
    clock[0] = 50
    progress.ended('new', 40, None)
    assert progress.time_left() == '40 s'
    progress.ended('last', 0, 'reason')
    assert progress.time_left() == ''


@pytest.mark.parametrize(
    ('seconds', 'text'), [(99, '99 s'), (101, '2 min'), (7000, '1.9 h')]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
