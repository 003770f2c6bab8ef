"""Trainings in two stages continue in the stage that they stopped in."""

from pathlib import Path

import pytest

from mmgala.apis.stages import plan_stages
from mmgala.utils.checkpoint import read_checkpoint
from tests.apis.two_stages import LAST, MAX, facts, save, two_stages
from tests.engine.tiny_runner import tiny_runner


@pytest.fixture
def work_dir(tmp_path):
    return tmp_path / 'work'


@pytest.fixture(params=['epochs', 'iterations'])
def unit(request):
    return request.param


def plan(work_dir, unit='epochs', **options):
    return plan_stages(two_stages(work_dir, unit, resume=True, **options))


def test_nothing_is_there_yet(work_dir):
    assert facts(plan(work_dir)) == [(1, None, False), (2, None, True)]


def test_nothing_is_there_yet_but_weights_for_stage_1(work_dir):
    first, _ = plan(work_dir, stage1__load_from='imagenet.pth')

    assert facts([first]) == [(1, 'imagenet.pth', False)]


def test_given_checkpoint_of_stage_1_beside_those_of_stage_2(work_dir):
    path = save(work_dir, 1, 2)
    save(work_dir, 2, LAST)

    with pytest.raises(FileExistsError, match=f'epochs_{LAST}.pth'):
        plan(work_dir, load_from=path)


@pytest.mark.parametrize('step', [1, LAST, MAX - 1])
def test_within_stage_1(work_dir, unit, step):
    save(work_dir, 1, step, unit)
    assert facts(plan(work_dir, unit)) == [(1, None, True), (2, None, True)]


@pytest.mark.parametrize('more', [0, 1])
def test_between_the_stages(work_dir, unit, more):
    save(work_dir, 1, LAST, unit)
    path = save(work_dir, 1, MAX + more, unit)
    assert facts(plan(work_dir, unit)) == [(2, path, False)]


def test_between_the_stages_with_a_loop_that_is_named(work_dir, unit):
    path = save(work_dir, 1, MAX, unit)
    cfg = two_stages(work_dir, unit, resume=True)
    cfg.train_cfg.pop('by_epoch')  # MMEngine takes it or `type`
    cfg.train_cfg.type = 'mmgala.OnDeviceTrainLoop'

    assert facts(plan_stages(cfg)) == [(2, path, False)]


@pytest.mark.parametrize('step', [1, LAST])
def test_within_stage_2(work_dir, unit, step):
    save(work_dir, 1, MAX, unit)
    save(work_dir, 2, step, unit)
    # Without a path: whoever trains the stage takes the latest of its work dir.
    assert facts(plan(work_dir, unit)) == [(2, None, True)]


def test_longer_stage_1_than_the_one_that_finished_is_continued(work_dir, unit):
    save(work_dir, 1, MAX, unit)
    limit = {'epochs': 'max_epochs', 'iterations': 'max_iters'}[unit]
    stages = plan(work_dir, unit, **{f'stage1__train_cfg__{limit}': MAX + 1})
    assert facts(stages) == [(1, None, True), (2, None, True)]


@pytest.mark.parametrize('stage', [1, 2])
def test_best_checkpoint_is_no_point_to_continue_from(work_dir, stage):
    path = save(work_dir, 1, MAX)
    folder = Path(path).parents[stage - 1]
    Path(path).rename(folder / 'best_accuracy.pth')
    (Path(path).parent / 'last_checkpoint').unlink()
    assert facts(plan(work_dir)) == [(1, None, False), (2, None, True)]


def test_given_checkpoint_of_stage_1(work_dir, monkeypatch):
    path = save(work_dir, 1, 2)
    save(work_dir, 1, MAX)

    first, second = plan(work_dir, load_from=path)
    assert facts([first]) == [(1, path, True)]
    assert second.cfg.work_dir == str(work_dir)

    monkeypatch.chdir(Path(path).parent)
    first, _ = plan(work_dir, load_from='epochs_2.pth')
    assert facts([first]) == [(1, 'epochs_2.pth', True)]


def test_given_checkpoint_of_stage_2(work_dir):
    save(work_dir, 1, 2)
    path = save(work_dir, 2, 1)
    assert facts(plan(work_dir, load_from=path)) == [(2, path, True)]


def test_weights_that_stage_1_started_from_are_not_resumed_from(work_dir):
    save(work_dir, 1, 1)
    given = save(work_dir, 1, 2)
    start = dict(stage1__load_from='imagenet.pth')

    assert facts(plan(work_dir, **start))[0] == (1, None, True)
    assert facts(plan(work_dir, **start, load_from=given))[0] == (1, given, True)


@pytest.mark.parametrize('stage', [1, 2])
@pytest.mark.parametrize('content', [b'half', b''])
def test_a_kill_during_the_first_checkpoint_leads_to_a_new_start(
    work_dir, stage, content
):
    Path(save(work_dir, stage, 1)).write_bytes(content)

    assert facts(plan(work_dir)) == [(1, None, False), (2, None, True)]


@pytest.mark.parametrize('steps', [MAX - 1, MAX])
def test_checkpoints_of_mmengine_itself(work_dir, unit, steps):
    runner = tiny_runner(work_dir / 'stage1', unit=unit, steps=steps)
    runner.train()
    name = {'epochs': 'epoch', 'iterations': 'iter'}[unit]
    path = work_dir / 'stage1' / f'{name}_{steps}.pth'
    assert read_checkpoint(path)['meta'][name] == steps

    expected = [(1, None, True), (2, None, True)]
    if steps == MAX:
        expected = [(2, str(path), False)]
    assert facts(plan(work_dir, unit)) == expected
