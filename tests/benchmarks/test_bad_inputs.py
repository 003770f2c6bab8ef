"""The campaign of bad inputs: what it tries, and how it judges the end of a tool."""

from collections import Counter

import pytest

from benchmarks.reliability.bad_inputs import bad_inputs, plan
from benchmarks.reliability.bad_inputs.case import TOOLS, judge
from benchmarks.reliability.forked_tools import call_tool
from benchmarks.reliability.processes import ROOT, Ended


@pytest.mark.parametrize(
    ('status', 'err', 'hung', 'fault'),
    [
        (1, 'Warning: old\nerror: --tau must be a number.\n', False, ''),
        (2, 'usage: test.py\ntest.py: error: argument --tau: no number\n', False, ''),
        (0, '', False, 'accepted in silence'),
        (-9, '', True, 'hang'),
        (1, 'Traceback (most recent call last):\nError', False, 'traceback'),
        (1, 'error: unexpected KeyError: tau', False, 'unexpected error'),
        (1, 'error: tau\nerror: tau', False, 'more than one line'),
        (1, 'error: --tau is wrong\nsecond line', False, 'more than one line'),
        (1, 'killed', False, 'no error line'),
        (-11, 'error: tau', False, 'no error line'),
        (1, 'error: something is wrong', False, 'does not name the input'),
        (1, 'error: tau ' + 'x' * 800, False, 'long line'),
    ],
)
def test_every_end_is_judged(status, err, hung, fault):
    outcome = judge(Ended(status, '', err, hung, 1.5), ('tau',))

    assert (outcome.ok, outcome.fault) == (not fault, fault)
    assert outcome.seconds == 1.5


def test_every_tool_is_tried_in_many_ways(tmp_path):
    trials = plan(tmp_path)
    tools = Counter(bad.tool for bad in bad_inputs())

    assert len(trials) >= 350
    assert len({trial.name for trial in trials}) == len(trials)
    assert set(tools) == set(TOOLS)
    assert min(tools.values()) >= 10
    assert sum('process' in trial.group for trial in trials) >= 30
    assert not list(tmp_path.iterdir())  # nothing is trained before it is needed


def test_every_tool_of_the_repository_is_tried():
    scripts = {path for path, *_ in TOOLS.values()}
    there = {*ROOT.glob('tools/*.py'), *ROOT.glob('tools/analysis/*.py')}

    assert scripts == {str(path.relative_to(ROOT)) for path in there}


def test_a_tool_is_called_in_its_folder_and_stopped_if_it_hangs(tmp_path):
    ended = call_tool(('tools/train.py', 'nothing.py'), cwd=tmp_path)
    assert (ended.status, ended.hung) == (1, False)
    assert 'Config nothing.py does not exist' in ended.last_line

    script = tmp_path / 'sleep.py'
    script.write_text('import time\ndef main():\n    time.sleep(600)\n')
    ended = call_tool((script,), limit=3, cwd=tmp_path)
    assert ended.fault == 'hang'
