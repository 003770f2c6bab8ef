"""The scores of a run with EMAHook are those of the average of its weights."""

import numpy as np
from mmengine.config import Config

from mmgala.apis.runner import build_runner
from mmgala.comparison import find_methods, plan_runs
from mmgala.comparison.processes import Task, run_tasks
from mmgala.comparison.run_progress import RunProgress
from mmgala.comparison.run_times import Work
from mmgala.comparison.worker import read_checkpoint, save_scores
from tests.comparison import tasks
from tests.comparison.small import small_config


def scores(folder):
    return np.load(folder / 'test.npz')['pred_score']


def test_scores_are_of_the_average_that_the_checkpoint_stores(tmp_path):
    cfg = small_config(epochs=2)
    cfg.custom_hooks = [dict(type='EMAHook', momentum=0.1)]
    (run,) = plan_runs(cfg, find_methods(['gala']), [0], tmp_path / 'runs')
    with RunProgress([Work('gala')]) as progress:
        assert run_tasks([Task('gala', tasks.execute, (run,))], 1, progress) == {}
    (checkpoint,) = run.folder.glob('*.pth')
    stored = read_checkpoint(checkpoint)

    plain = Config.fromfile(run.folder / 'config.py')
    plain.custom_hooks = [h for h in plain.custom_hooks if h['type'] != 'EMAHook']
    plain.work_dir = str(tmp_path / 'plain')
    runner = build_runner(plain)
    last = {
        name.removeprefix('module.'): value
        for name, value in stored['ema_state_dict'].items()
        if name != 'steps'
    }
    found = {}
    for name, weights in dict(average=stored['state_dict'], last=last).items():
        runner.model.load_state_dict(weights)
        folder = tmp_path / name
        folder.mkdir()
        save_scores(runner, folder)
        found[name] = scores(folder)

    np.testing.assert_allclose(scores(run.folder), found['average'], atol=1e-6)
    assert abs(found['last'] - found['average']).max() > 1e-3
