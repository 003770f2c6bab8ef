"""The bar on a terminal, and lines where there is none."""

import contextlib
import io
import os
import re
import signal
import sys

import pytest

from mmgala.console import command_session, result, say
from mmgala.console.bar import Bar, _Drawn
from mmgala.console.counted import counted
from tests.console.terminal import Screen


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = 'utf-8'

    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that shows both stdout and stderr."""
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.setenv('COLUMNS', '100')
    for name in ('NO_COLOR', 'FORCE_COLOR'):
        monkeypatch.delenv(name, raising=False)
    stream = Terminal()
    return stream


def shown(stream):
    """What a terminal shows of a text that its driver has given line ends to."""
    screen = Screen(100)
    screen.write(stream.getvalue().replace('\n', '\r\n'))
    return screen


def test_in_a_pipe_there_is_a_line_after_each_tenth(clock, capsys):
    with command_session() as session:
        session.start(verbose=False)
        with Bar(clock) as bar:
            for number in range(1, 1001):
                clock.now += 0.1
                if bar.due():
                    bar.update('training', number / 1000, 100 - clock.now)

    assert capsys.readouterr().err.splitlines() == [
        f' {tenth}0%  training; {100 - 10 * tenth} s left' for tenth in range(1, 10)
    ]


def test_short_work_needs_no_line_and_long_work_one_in_ten_minutes(clock, capsys):
    with command_session() as session:
        session.start(verbose=False)
        with Bar(clock) as bar:
            for number in range(10):
                clock.now += 0.1
                bar.update('short', number / 10, None)
        with Bar(clock) as bar:
            for number in range(200):  # 200 minutes for five percent
                clock.now += 60
                bar.update('long', number / 4000, None)

    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ['long'] * 20


def test_on_a_terminal_messages_stand_above_the_bar(terminal, clock, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', terminal)
        patch.setattr(sys, 'stderr', terminal)
        with command_session() as session:
            session.start(verbose=False)
            with Bar(clock) as bar:
                bar.update('epoch 1, loss 2.3', 0.25, 30.0)
                say('a message')
                result('a result')
                print('of the user')
                bar.update('epoch 2, loss 1.3', 0.5, 20.0)
                during = shown(terminal)
    after = shown(terminal)

    assert during.text.splitlines()[:3] == ['a message', 'a result', 'of the user']
    (bar_line,) = during.text.splitlines()[3:]
    assert re.fullmatch(r' 50% ━+╺?━* 20 s left epoch 2, loss 1.3', bar_line)
    assert during.cursor_hidden
    assert after.text == 'a message\na result\nof the user'
    assert not after.cursor_hidden


def test_an_error_removes_the_bar(terminal, clock, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', terminal)
        patch.setattr(sys, 'stderr', terminal)
        with contextlib.suppress(KeyboardInterrupt), command_session() as session:
            session.start(verbose=False)
            bar = Bar(clock)
            bar.__enter__()  # nobody leaves it
            bar.update('work', 0.5, None)
            raise KeyboardInterrupt

    assert shown(terminal).text == ''
    assert not shown(terminal).cursor_hidden


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_bar_is_drawn_removes_it(
    terminal, clock, monkeypatch, number
):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = signal.signal(number, interrupted)
    monkeypatch.setattr(sys, 'stderr', terminal)
    write = terminal.write

    def write_and_interrupt(text):
        write(text)
        if 'epoch 1' in text:
            monkeypatch.setattr(terminal, 'write', write)
            os.kill(os.getpid(), number)
            for _ in range(1000):  # the handler runs between two of these
                pass

    monkeypatch.setattr(terminal, 'write', write_and_interrupt)
    ended = False
    try:
        with contextlib.suppress(KeyboardInterrupt), command_session() as session:
            session.start(verbose=False)
            with Bar(clock) as bar:
                bar.update('epoch 1', 0.25, 60)
                ended = True
    finally:
        signal.signal(number, before)

    assert not ended
    assert '━' in terminal.getvalue()
    assert '━' not in shown(terminal).text
    assert not shown(terminal).cursor_hidden


def test_the_bar_is_redrawn_a_few_times_a_second(terminal, clock, monkeypatch):
    drawn = 0
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', terminal)
        patch.setattr(sys, 'stderr', terminal)
        with command_session() as session:
            session.start(verbose=False)
            with Bar(clock) as bar:
                for number in range(1000):
                    clock.now += 0.001
                    if bar.due():
                        drawn += 1
                        bar.update('work', number / 1000, None)

    assert 4 <= drawn <= 6


@pytest.mark.parametrize(
    ('seconds', 'expected'),
    [(0.0, 50), (0.001, 20), (0.5, 4)],
    ids=['fast', 'ordinary', 'slow'],
)
def test_a_slow_terminal_is_drawn_on_less_often(
    seconds, expected, terminal, clock, monkeypatch
):
    drawn = []

    def draw(bar, what, share, left):
        clock.now += seconds
        drawn.append(share)

    monkeypatch.setattr(_Drawn, 'update', draw)
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stderr', terminal)
        with command_session() as session:
            session.start(verbose=False)
            with Bar(clock) as bar:
                while clock.now < 10:
                    clock.now += 0.001
                    if bar.due():
                        bar.update('work', clock.now / 10, None)

    assert abs(len(drawn) - expected) <= 1


def test_each_epoch_of_a_short_training_is_drawn_on_a_slow_terminal(
    terminal, clock, monkeypatch
):
    drawn = []

    def draw(bar, what, share, left):
        clock.now += 0.05
        drawn.append(what)

    monkeypatch.setattr(_Drawn, 'update', draw)
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stderr', terminal)
        with command_session() as session:
            session.start(verbose=False)
            with Bar(clock) as bar:
                for step in range(100):
                    clock.now += 0.03
                    epoch = step // 10
                    if bar.due(epoch):
                        bar.update(f'epoch {epoch}', step / 100, None, epoch)

    assert [f'epoch {epoch}' for epoch in range(10)] == list(dict.fromkeys(drawn))
    assert len(drawn) <= 12


@pytest.mark.parametrize(('verbose', 'rank'), [(True, '0'), (False, '1')])
def test_verbose_and_other_ranks_show_no_bar(verbose, rank, monkeypatch, clock, capsys):
    monkeypatch.setenv('RANK', rank)
    with command_session() as session:
        session.start(verbose)
        with counted('work', 10, clock) as done:
            for _ in range(10):
                clock.now += 10
                done()

    assert capsys.readouterr().err == ''


def test_without_a_command_nothing_is_shown(clock, capsys):
    with counted('work', 2, clock) as done:
        clock.now += 1000
        done()

    assert capsys.readouterr() == ('', '')
