"""GradientStatisticsHook on several losses at once, with background labels."""

import json

import pytest

from mmgala.analysis import read_gradient_run, record_paths
from mmgala.analysis.gradient_files import loss_folders
from mmgala.engine import ClassCountsHook
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine import stage_training
from tests.engine.gradient_training import assert_sums, text_of_log
from tests.engine.index_training import weights
from tests.engine.stage_training import (
    CLASSES,
    COUNTS,
    STAGES,
    Cascade,
    expected_sums,
    train,
)


def records_of(work_dir, stage):
    return read_gradient_run(work_dir / 'gradient_statistics' / stage)


def test_each_stage_has_its_own_files(tmp_path):
    _, steps = train(tmp_path)
    assert [folder.name for folder in loss_folders(tmp_path)] == list(STAGES)
    for stage in STAGES:
        records = records_of(tmp_path, stage)
        assert [record.number for record in records] == [1, 2, 3]
        assert records[0].class_names == CLASSES
        assert records[0].class_counts.tolist() == list(COUNTS)
        for epoch, record in enumerate(records):
            of_epoch = steps[stage][3 * epoch : 3 * epoch + 3]
            assert_sums(record.period, expected_sums(of_epoch))
        assert_sums(records[-1].total, expected_sums(steps[stage]))
    first, second = (records_of(tmp_path, stage)[-1].total for stage in STAGES)
    assert abs(first.pos_grad - second.pos_grad).max() > 0.1


def test_a_rank_may_skip_a_stage(tmp_path, rank_pool):
    ranks = rank_pool.run(stage_training.train_on_rank, 2, work_dir=str(tmp_path))
    assert not ranks[1]['heads.1.loss_cls']
    for stage in STAGES:
        steps = ranks[0][stage] + ranks[1][stage]
        assert_sums(records_of(tmp_path, stage)[-1].total, expected_sums(steps))


@pytest.mark.parametrize(
    ('wanted', 'folders'),
    [
        ('heads.1.loss_cls', []),
        (['heads.1.loss_cls'], []),
        (['heads.1.loss_cls', 'heads.0.loss_cls'], list(STAGES)),
    ],
)
def test_losses_are_named(tmp_path, wanted, folders):
    _, steps = train(tmp_path, statistics=dict(loss_module=wanted), max_epochs=1)
    assert [folder.name for folder in loss_folders(tmp_path)] == folders
    (record,) = (
        records_of(tmp_path, STAGES[1]) if folders else read_gradient_run(tmp_path)
    )
    assert_sums(record.total, expected_sums(steps[STAGES[1]]))


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        (['heads.0.loss_cls', 'nothing'], r"no modules 'nothing' in Cascade.*heads\.1"),
        ([], 'found no modules at all in Cascade'),
        ('rpn_head.loss_cls', r'rpn_head has num_classes=1, .* training set has 4'),
    ],
)
def test_wrong_names_give_a_one_line_error(tmp_path, wanted, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path, statistics=dict(loss_module=wanted))


def test_heads_and_data_must_have_the_same_number_of_classes(tmp_path):
    with pytest.raises(ValueError, match=r'heads\.0 has num_classes=6.* set has 4'):
        train(tmp_path, Cascade(num_classes=6))
    model = Cascade(num_classes=6)
    for head in model.heads:
        head.num_classes = 4
    with pytest.raises(ValueError, match='logits of 4 columns.* got 7'):
        train(tmp_path, model)


def test_the_training_is_the_same_to_the_last_bit(tmp_path):
    with_hook, _ = train(tmp_path / 'with')
    without, _ = train(tmp_path / 'without', statistics=False)
    assert weights(with_hook) == weights(without)
    for stage in STAGES:
        assert not with_hook.model.get_submodule(stage)._forward_hooks


def test_resumed_sums_of_each_stage_continue(tmp_path):
    _, first = train(tmp_path, stop_after=1)
    _, second = train(tmp_path, resume=True)
    for stage in STAGES:
        records = records_of(tmp_path, stage)
        assert [record.number for record in records] == [1, 2, 3]
        steps = first[stage] + second[stage]
        assert len(steps) == 9
        assert_sums(records[-1].total, expected_sums(steps))


def test_resumed_with_an_additional_stage(tmp_path):
    _, first = train(tmp_path, statistics=dict(loss_module=STAGES[0]), stop_after=1)
    _, second = train(tmp_path, resume=True)
    for stage in STAGES:  # the checkpoint does not say which stage it was
        assert f'has no gradient statistics of {stage}' in text_of_log(tmp_path)
        assert_sums(records_of(tmp_path, stage)[-1].total, expected_sums(second[stage]))
    assert [path.name for path in record_paths(tmp_path)] == ['epoch_1.npz']


def test_files_of_an_earlier_training_are_moved_away(tmp_path):
    train(tmp_path)
    _, steps = train(tmp_path, max_epochs=2)
    for stage in STAGES:
        assert [record.number for record in records_of(tmp_path, stage)] == [1, 2]
        assert_sums(records_of(tmp_path, stage)[-1].total, expected_sums(steps[stage]))
        (aside,) = tmp_path.glob(f'gradient_statistics_before_*/{stage}')
        assert len(list(aside.glob('epoch_*.npz'))) == 3


def test_scalars_and_figures_of_each_stage(tmp_path):
    visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    train(tmp_path, statistics=dict(draw_interval=3), visualizer=visualizer)
    (path,) = tmp_path.rglob('scalars.json')
    keys = {key for line in path.read_text().splitlines() for key in json.loads(line)}
    pictures = {path.name for path in tmp_path.rglob('vis_image/*.png')}
    for stage in STAGES:
        assert f'gradients/{stage}/source_gini' in keys
    assert pictures == {f'gradient_ratio_{stage}_3.png' for stage in STAGES}


def test_warning_for_a_failed_write_names_the_loss(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('mmgala.engine.gradient_recording.output.write_record', full)
    train(tmp_path, max_epochs=1)
    assert f'statistics of epoch 1 ({STAGES[1]})' in text_of_log(tmp_path)


def test_counts_in_the_checkpoint_are_instance_counts(tmp_path):
    train(tmp_path, hooks=[ClassCountsHook()], max_epochs=1)
    meta = read_checkpoint(tmp_path / 'epoch_1.pth')['meta']
    assert meta['class_counts'] == list(COUNTS)
