"""The frame of the reliability campaign: what it runs, counts and keeps."""

import json

import pytest

from benchmarks.reliability import __main__ as campaign
from benchmarks.reliability.trials import Outcome, Part, Record, Trial, run_trials


def crash(folder):
    raise RuntimeError('broken trial')


def trial(name, outcome, group='all'):
    return Trial(name, 'one line', lambda folder: outcome, group)


TRIALS = [
    trial('good', Outcome(True, 'one line', seconds=0.5), 'files'),
    trial('bad', Outcome(False, '40 lines', 'traceback', seconds=2.5), 'files'),
    Trial('crashing', 'one line', crash, 'options'),
]


def test_every_failure_is_counted_and_described(tmp_path):
    record = Record()
    for one, outcome in run_trials(TRIALS, tmp_path, jobs=2):
        record.add(one, outcome)

    summary = record.summary(seconds=1.0)

    assert (summary['trials'], summary['ok']) == (3, 1)
    assert summary['faults'] == {'traceback': 1, 'error of the trial': 1}
    assert summary['groups'] == {
        'files': dict(trials=2, ok=1, slowest=2.5),
        'options': dict(trials=1, ok=0),
    }
    assert [(f['name'], f['seen']) for f in summary['failed']] == [
        ('bad', '40 lines'),
        ('crashing', 'RuntimeError: broken trial'),
    ]


def test_each_trial_has_an_empty_folder_that_is_removed(tmp_path):
    def fill(folder):
        found = list(folder.iterdir())
        (folder / 'closed').mkdir(mode=0o500)
        return Outcome(not found, str(found))

    trials = [Trial(name, 'empty', fill) for name in 'ab']

    assert all(outcome.ok for _, outcome in run_trials(trials, tmp_path))
    assert not list(tmp_path.iterdir())


def test_two_trials_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match='good'):
        list(run_trials([TRIALS[0], TRIALS[0]], tmp_path))


def test_results_of_other_parts_are_kept(tmp_path, monkeypatch):
    parts = {name: Part(name, lambda folder: []) for name in ('first', 'second')}
    monkeypatch.setattr(campaign, 'PARTS', parts)
    path = tmp_path / 'reliability.json'

    for part, count in (('second', 1), ('first', 2), ('second', 3)):
        campaign.save(part, dict(trials=count), path)

    stored = json.loads(path.read_text())
    assert stored == dict(first=dict(trials=2), second=dict(trials=3))
    assert list(stored) == ['first', 'second']
