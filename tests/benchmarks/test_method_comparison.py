"""The comparisons of the benchmark: methods that there are, with the right settings."""

import sys
from pathlib import Path

import pytest
from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))

from method_comparison import COMPARISONS, ROOT
from results_comparisons import plain_name

from mmgala.comparison import find_methods, plan_runs

PLAIN = [name for name, plan in COMPARISONS.items() if not plan.study]
# Settings of methods that have others on sets of ten classes and of a hundred.
TEN = {
    'vs': dict(gamma=0.2, tau=1.2),
    'las': dict(smooth_head=0.3, smooth_tail=0.0),
    'cb-focal': dict(beta=0.9999, gamma=1.0),
}
HUNDRED = {
    'vs': dict(gamma=0.05, tau=0.75),
    'las': dict(smooth_head=0.4, smooth_tail=0.1),
    'cb-focal': dict(beta=0.9, gamma=1.0),
    'cb-ce': dict(beta=0.9),
}


@pytest.mark.parametrize('name', PLAIN)
def test_every_method_can_be_planned_with_the_settings_of_its_set(name, tmp_path):
    plan = COMPARISONS[name]
    cfg = Config.fromfile(ROOT / plan.config)

    runs = plan_runs(cfg, find_methods(plan.methods), [0], tmp_path)

    assert {run.method for run in runs if run.requested} == set(plan.methods)
    losses = {
        plain_name(run.method): (run.retraining or {}).get('loss')
        or run.cfg.model.head.loss
        for run in runs
    }
    for method, settings in (HUNDRED if 'pairs' in name else TEN).items():
        if method in losses:
            found = {key: losses[method][key] for key in settings}
            assert found == settings, method
    assert ('vs' in losses) == ('vs' in map(plain_name, plan.methods))
