"""Trainings in two stages that start afresh, and the config of each stage."""

import copy
import os

import pytest
from mmengine.config import Config

from mmgala.apis.stages import plan_stages, start_from
from tests.apis.two_stages import LAST, MAX, facts, save, two_stages


@pytest.fixture
def work_dir(tmp_path):
    return tmp_path / 'work'


def test_fresh_start_runs_both(work_dir):
    stages = plan_stages(two_stages(work_dir))

    assert facts(stages) == [(1, None, False), (2, None, False)]
    assert [stage.cfg.work_dir for stage in stages] == [
        f'{work_dir}/stage1', str(work_dir)
    ]  # fmt: skip
    assert [stage.title for stage in stages] == [
        f'Stage 1 of 2, representation, in {work_dir}/stage1',
        f'Stage 2 of 2, classifier, in {work_dir}',
    ]


def test_representation_from_elsewhere_skips_stage_1(work_dir):
    save(work_dir, 1, MAX)  # of another training: stage 1 does not write there now
    stages = plan_stages(two_stages(work_dir, load_from='other.pth'))
    assert facts(stages) == [(2, 'other.pth', False)]


def test_stage_1_may_start_from_weights_of_its_own(work_dir):
    stages = plan_stages(two_stages(work_dir, stage1__load_from='imagenet.pth'))
    assert facts(stages) == [(1, 'imagenet.pth', False), (2, None, False)]


@pytest.mark.parametrize(
    ('stage', 'options'),
    [(1, {}), (2, {}), (2, {'load_from': 'x.pth'}), (2, {'stage1': None})],
)
def test_fresh_start_beside_old_checkpoints_is_refused(work_dir, stage, options):
    folder = os.path.dirname(save(work_dir, stage, 2))
    message = rf'^{folder} already contains a training \(epochs_2\.pth\): .*--resume'
    with pytest.raises(FileExistsError, match=message):
        plan_stages(two_stages(work_dir, **options))


@pytest.mark.parametrize('resume', [False, True])
@pytest.mark.parametrize('key', ['None', 'left out'])
def test_one_stage_is_the_config_itself(work_dir, resume, key):
    if resume:
        save(work_dir, 2, 1)
    cfg = two_stages(work_dir, stage1=None, resume=resume)
    if key == 'left out':
        cfg.pop('stage1')

    (stage,) = plan_stages(cfg)

    assert stage.cfg is cfg
    assert stage.title == ''
    assert facts([stage]) == [(2, None, resume)]


@pytest.mark.parametrize('value', [[dict(a=1)], 'yes', True, 0])
def test_stage_1_that_is_no_dict_is_refused(work_dir, value):
    name = type(value).__name__
    with pytest.raises(TypeError, match=f'stage1 to be a dict .* but got {name}'):
        plan_stages(two_stages(work_dir, stage1=value))


def test_stage_1_is_the_config_with_its_changes(work_dir):
    first, second = (stage.cfg for stage in plan_stages(two_stages(work_dir)))

    assert first.to_dict() == dict(
        work_dir=f'{work_dir}/stage1',
        load_from=None,
        resume=False,
        train_cfg=dict(by_epoch=True, max_epochs=MAX),
        model=dict(
            freeze_backbone=False,
            backbone=dict(depth=20),
            head=dict(type='B', loss=dict(type='CE')),
        ),
        hooks=[dict(type='first')],
    )
    expected = two_stages(work_dir)
    expected.pop('stage1')
    assert second.to_dict() == expected.to_dict()


def test_planning_leaves_the_config_as_it_was(work_dir):
    cfg = two_stages(work_dir, experiment_name='name')
    before = copy.deepcopy(cfg.to_dict())

    first, second = plan_stages(cfg)
    again = plan_stages(cfg)

    assert cfg.to_dict() == before
    for stage, other in zip((first, second), again, strict=True):
        assert stage.cfg.to_dict() == other.cfg.to_dict()
        stage.cfg.model.backbone.depth = 1
        stage.cfg.hooks.append('more')
    assert cfg.to_dict() == before
    assert [stage.cfg.model.backbone.depth for stage in again] == [20, 20]


def test_options_of_the_command_line_reach_the_stages_they_are_for(work_dir):
    options = {
        'model.backbone.depth': 56,  # both
        'train_cfg.max_epochs': 7,  # what stage 1 does not change
        'stage1.train_cfg.max_epochs': 9,
        'stage1.model.head.loss.label_smoothing': 0.1,
        'model.head.loss.lambda_pos': 2.0,
        'hooks.1.type': 'other',
        'stage1.hooks.0.type': 'own',
    }
    cfg = two_stages(work_dir)
    cfg.merge_from_dict(options)

    first, second = (stage.cfg for stage in plan_stages(cfg))

    assert [first.model.backbone.depth, second.model.backbone.depth] == [56, 56]
    assert [first.train_cfg.max_epochs, second.train_cfg.max_epochs] == [9, 7]
    assert first.model.head.loss.to_dict() == dict(type='CE', label_smoothing=0.1)
    assert second.model.head.loss.to_dict() == dict(type='GALA', lambda_pos=2.0)
    assert first.hooks == [dict(type='own')]
    assert second.hooks == ['one', dict(type='other')]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('trial', ['trial_stage1', 'trial']), (None, [None, None]), ('', ['', ''])],
)
def test_experiments_have_different_names(work_dir, name, expected):
    # Runners of one name share their logger.
    cfg = two_stages(work_dir, experiment_name=name)
    names = [stage.cfg.experiment_name for stage in plan_stages(cfg)]
    assert names == expected


def test_config_from_a_file_keeps_its_name(work_dir, tmp_path):
    path = tmp_path / 'recipe.py'
    path.write_text(two_stages(work_dir).pretty_text)
    for stage in plan_stages(Config.fromfile(path)):
        assert stage.cfg.filename == str(path)  # Runner names the experiment after it


@pytest.mark.parametrize('resume', [False, True])
def test_next_stage_starts_from_the_latest_checkpoint(work_dir, resume):
    first, second = plan_stages(two_stages(work_dir, resume=resume))
    save(work_dir, 1, LAST)
    path = save(work_dir, 1, MAX)

    start_from(second, first)

    assert facts([second]) == [(2, path, False)]


def test_next_stage_without_a_checkpoint_to_start_from(work_dir):
    first, second = plan_stages(two_stages(work_dir))
    message = (
        'stage1 contains no checkpoint for the next stage .*default_hooks.checkpoint'
    )
    with pytest.raises(FileNotFoundError, match=message):
        start_from(second, first)
