"""Times left, against a training and other work whose times are known."""

import pytest

from mmgala.console.time_left import TimeLeft, duration


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def simulate(step, val_batch, first=20.0, epochs=10, steps=50, batches=8, save=2.0):
    """Train with a clock; yield the estimate and the truth after each epoch.

    Args:
        step: seconds of a training step.
        val_batch: seconds of a batch of the validation.
        first: seconds of the first step, which loads everything.
        save: seconds to save a checkpoint after each epoch.
    """
    clock = Clock()
    left = TimeLeft(clock)
    left.plan('train', epochs * steps)
    left.plan('val', epochs * batches, like=('train', 2.0))
    left.start()
    found = []
    for epoch in range(epochs):
        for number in range(steps):
            clock.now += first if epoch == number == 0 else step
            left.advance('train', 1)
        clock.now += save
        left.advance('train')  # before the validation
        for _ in range(batches):
            clock.now += val_batch
            left.advance('val', 1)
        found.append((left.seconds(), clock.now))
    return [(seconds, clock.now - now) for seconds, now in found]


@pytest.mark.parametrize(
    ('step', 'val_batch'), [(0.1, 0.1), (1.0, 10.0), (0.5, 0.001), (0.02, 30.0)]
)
def test_right_within_a_factor_of_two_from_the_first_epoch_on(step, val_batch):
    found = simulate(step, val_batch)

    for estimate, truth in found[:-1]:
        assert truth / 2 < estimate < 2 * truth, (estimate, truth)
    assert found[-1] == (0.0, 0.0)


def test_validations_take_as_long_as_it_is_told_until_one_was_measured():
    clock = Clock()
    left = TimeLeft(clock)
    left.plan('train', 10)
    left.plan('val', 4, like=('train', 3.0))
    left.start()
    clock.now += 5
    left.advance('train', 1)
    assert left.seconds() == 9 * 5 + 4 * 15
    clock.now += 1
    left.advance('val', 1)
    assert left.seconds() == 9 * 5 + 3 * 1


def test_nothing_is_known_before_something_was_measured():
    left = TimeLeft(Clock())
    left.plan('train', 10)
    left.start()

    assert left.seconds() is None
    assert left.share() == 0


def test_a_resumed_training_counts_what_is_left():
    clock = Clock()
    left = TimeLeft(clock)
    left.plan('train', 100, done=60)
    left.start()
    assert left.share() == 0.6
    clock.now += 2
    left.advance('train', 10)

    assert left.seconds() == 30 * 0.2
    assert left.share() == 0.7


def test_a_later_stage_is_assumed_to_be_as_fast_until_it_runs():
    clock = Clock()
    left = TimeLeft(clock)
    left.plan('first', 10)
    left.plan('second', 5, like=('first', 1.0))
    left.start()
    for _ in range(10):
        clock.now += 4
        left.advance('first', 1)
    assert left.seconds() == 5 * 4
    left.plan('second', 6, done=2, like=('first', 1.0))  # now that its data exist
    left.start()
    clock.now += 1
    left.advance('second', 1)
    assert left.seconds() == 3 * 1


def test_a_change_of_pace_is_noticed():
    clock = Clock()
    left = TimeLeft(clock)
    left.plan('work', 1000)
    left.start()
    for number in range(400):
        clock.now += 10 if number < 200 else 1
        left.advance('work', 1)

    assert left.seconds() == pytest.approx(600, rel=0.05)


@pytest.mark.parametrize(
    ('seconds', 'text'), [(99, '99 s'), (101, '2 min'), (7000, '1.9 h')]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
