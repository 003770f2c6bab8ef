"""Times left of a comparison, against a schedule whose times are known."""

import heapq

import pytest

from mmgala.comparison.run_times import RunTimes, Work


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


def simulate(works, seconds, workers, estimate):
    """Run works on workers, each for its seconds, on a clock.

    Calls ``estimate`` after each end of a run, with the time that is truly left.
    """
    clock = Clock()
    times = RunTimes(works, workers, clock=clock)
    waiting, running, done = list(works), [], set()
    truth = {}
    while waiting or running:
        for work in [w for w in waiting if set(w.after) <= done]:
            if len(running) < workers:
                waiting.remove(work)
                times.started(work.name)
                times.advanced(work.name, 0.0)
                heapq.heappush(running, (clock.now + seconds[work.name], work.name))
        clock.now, name = heapq.heappop(running)
        for end, other in running:  # what runs reports its share
            begin = end - seconds[other]
            times.advanced(other, (clock.now - begin) / seconds[other])
        times.ended(name, seconds[name])
        done.add(name)
        truth[clock.now] = estimate(times)
    return [(found, clock.now - now) for now, found in truth.items()]


def seeds(names, count):
    return [Work(f'{n}, seed {s}', n) for s in range(count) for n in names]


@pytest.mark.parametrize('workers', [1, 2, 3])
def test_right_within_a_factor_of_two_after_the_first_run(workers):
    works = seeds(['ce', 'gala', 'slow'], 3)
    paces = {'ce': 100, 'gala': 120, 'slow': 190}
    seconds = {w.name: paces[w.method] + 3 * int(w.name[-1]) for w in works}

    found = simulate(works, seconds, workers, RunTimes.seconds_left)

    assert found[-1] == (0, 0)
    for estimate, truth in found[:-1]:
        assert truth / 2 <= estimate <= 2 * truth, (estimate, truth)


def test_retrainings_are_short_and_wait_for_their_models():
    works = [
        *seeds(['ce'], 4),
        *(Work(f'crt, seed {s}', 'crt', True, (f'ce, seed {s}',)) for s in range(4)),
    ]
    seconds = {w.name: 15 if w.retrains else 100 for w in works}

    found = simulate(works, seconds, 2, RunTimes.seconds_left)

    for estimate, truth in found[:-1]:
        assert truth / 2 <= estimate <= 2 * truth, (estimate, truth)


def test_before_the_first_end_the_running_ones_tell():
    clock = Clock()
    times = RunTimes(seeds(['ce', 'gala'], 2), 1, clock=clock)
    assert times.seconds_left() is None
    times.started('ce, seed 0')
    clock.now += 10  # imports
    times.advanced('ce, seed 0', 0.01)
    clock.now += 9
    times.advanced('ce, seed 0', 0.1)

    # 100 seconds each, and ten to begin.
    assert times.seconds_left() == pytest.approx(90 + 3 * 110)


def test_a_resumed_run_is_no_sign_of_speed():
    clock = Clock()
    times = RunTimes(seeds(['ce'], 2), 1, clock=clock)
    times.started('ce, seed 0')
    times.advanced('ce, seed 0', 0.5)  # done by an earlier call
    assert times.seconds_left() is None
    clock.now += 10
    times.advanced('ce, seed 0', 0.6)

    assert times.seconds_left() == pytest.approx(40 + 100)


def test_a_resumed_run_that_has_ended_counts_as_a_whole_one():
    clock = Clock()
    times = RunTimes(seeds(['ce', 'gala'], 1), 1, clock=clock)
    times.started('ce, seed 0')
    clock.now += 5  # imports
    times.advanced('ce, seed 0', 0.9)
    clock.now += 12  # the last tenth of 120 seconds
    times.ended('ce, seed 0', 17)
    assert times.seconds_left() == pytest.approx(5 + 120)


def test_runs_that_had_finished_before_tell_at_once():
    works = seeds(['ce', 'gala'], 2)
    times = RunTimes(works[2:], 1, [(works[0], 40.0), (works[1], 60.0)], Clock())

    assert times.seconds_left() == 100


def test_failed_runs_tell_nothing():
    times = RunTimes(seeds(['ce'], 2), 1, clock=Clock())
    times.started('ce, seed 0')
    times.ended('ce, seed 0', 1.0, failed=True)

    assert times.seconds_left() is None


def test_the_last_run_alone_decides_when_workers_are_idle():
    clock = Clock()
    works = seeds(['ce'], 2)
    times = RunTimes(works, 4, clock=clock)
    for work in works:
        times.started(work.name)
    clock.now += 20
    times.ended('ce, seed 0', 20)

    assert times.seconds_left() == 0  # the other one should have ended as well
    times.advanced('ce, seed 1', 0.5)
    clock.now += 10
    times.advanced('ce, seed 1', 0.75)
    assert times.seconds_left() == pytest.approx(10)
