"""The line in the log, and what the runner knows, with and without MMEngine."""

import logging
import sys

import pytest

from mmgala.modules import runner


@pytest.fixture
def without_mmengine(monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmengine.logging', raising=False)


@pytest.fixture
def hub():
    """The message hub of a runner of this test's own."""
    found = pytest.importorskip('mmengine.logging')
    yield found.MessageHub.get_instance('test_runner')
    found.MessageHub._instance_dict.pop('test_runner')


def test_without_mmengine_lines_go_to_the_standard_log(without_mmengine, caplog):
    with caplog.at_level(logging.INFO, logger='mmgala'):
        runner.log('statistics start again')
    assert caplog.record_tuples == [('mmgala', logging.INFO, 'statistics start again')]


def test_with_mmengine_lines_go_to_its_log(tmp_path):
    found = pytest.importorskip('mmengine.logging')
    path = tmp_path / 'train.log'
    found.MMLogger.get_instance('test_runner', log_file=str(path))
    try:
        runner.log('statistics start again')
    finally:
        found.MMLogger._instance_dict.pop('test_runner')
    assert 'INFO - statistics start again' in path.read_text()


def test_without_mmengine_no_training_is_known(without_mmengine):
    assert runner.training_is_resumed() is None


@pytest.mark.parametrize(
    ('info', 'expected'),
    [
        (dict(), None),
        (dict(loop_stage='val', iter=5), None),
        (dict(loop_stage='train'), False),
        (dict(loop_stage='train', iter=0), False),
        (dict(loop_stage='train', iter=5), True),
    ],
    ids=str,
)
def test_the_runner_tells_whether_it_continues_a_training(hub, info, expected):
    hub.update_info_dict(info)
    assert runner.training_is_resumed() is expected
