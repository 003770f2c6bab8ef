"""ScoreStorageHook: a test that predicts twice, and one that has no room."""

import pytest
from mmengine.runner import Runner

from mmgala.evaluation import score_room
from tests.engine.small_training import small_config, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return train(small_config(tmp_path_factory.mktemp('trained')))[1]


def evaluated(
    work_dir, checkpoint, storage, hooks=({'type': 'mmgala.ScoreStorageHook'},)
):
    """Metrics of a re-balanced test, the scores, and the number of batches."""
    cfg = small_config(work_dir, load_from=str(checkpoint))
    for name in ('dataloader', 'cfg'):
        cfg[f'train_{name}'] = cfg[f'val_{name}'] = None
    cfg.optim_wrapper = cfg.param_scheduler = cfg.val_evaluator = None
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), *hooks]
    metrics = [cfg.test_evaluator, dict(type='mmgala.ScoreDump')]
    cfg.test_evaluator = dict(
        type='mmgala.RebalancingEvaluator', metrics=metrics, tau=1.2, storage=storage
    )
    runner = Runner.from_cfg(cfg)
    batches = []
    runner.model.register_forward_hook(lambda *_: batches.append(1))
    metrics = runner.test()
    return metrics, runner.test_evaluator.metrics[1].scores, len(batches)


def test_predicting_twice_gives_the_same_metrics(tmp_path, checkpoint):
    expected, scores, batches = evaluated(tmp_path / 'a', checkpoint, 'memory')

    found, found_scores, twice = evaluated(tmp_path / 'b', checkpoint, 'recompute')

    assert found == pytest.approx(expected, rel=1e-6)
    assert found_scores == pytest.approx(scores, rel=1e-5)
    assert twice == 2 * batches


def test_predicting_twice_without_the_hook_is_refused(tmp_path, checkpoint):
    with pytest.raises(ValueError, match='ScoreStorageHook'):
        evaluated(tmp_path, checkpoint, 'recompute', hooks=())


def test_no_room_is_said_before_the_first_batch(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr(score_room, 'available_memory', lambda: 1000)
    with pytest.raises(ValueError, match=r'10 classes need 0\.00 GB.*the memory has'):
        evaluated(tmp_path, checkpoint, 'memory')
