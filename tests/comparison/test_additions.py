"""Additions to the training of all methods: what each changes in a config."""

from argparse import Namespace

import pytest

from mmgala.cli.programs.compare import plan
from mmgala.comparison.additions import ADDITIONS, apply_additions, describe_additions
from mmgala.comparison.config import run_config
from mmgala.comparison.methods import find_methods
from mmgala.comparison.plan import plan_runs
from mmgala.comparison.processes import Report
from mmgala.comparison.worker import execute
from mmgala.utils.arrays import read_npz
from tests.comparison.small import small_config


def added(*texts, **changes):
    cfg = small_config()
    cfg.merge_from_dict(changes)
    return cfg, apply_additions(cfg, texts)


def test_each_addition_changes_its_part_of_the_config():
    cfg, words = added('ema', 'sam:rho=0.1', 'weight-decay:value=1e-3', 'mixup')

    average = cfg.custom_hooks[-1]
    assert (average.type, average.momentum) == ('EMAHook', 0.001)
    wrapper = cfg.optim_wrapper
    assert wrapper.type == 'mmgala.SAMOptimWrapper'
    assert (wrapper.rho, wrapper.dtype) == (0.1, 'float32')
    assert wrapper.optimizer.weight_decay == 1e-3
    assert cfg.model.train_cfg.augments == dict(type='Mixup', alpha=0.4)
    assert words == ['ema (momentum=0.001)', 'sam (rho=0.1)',
                     'weight-decay (value=0.001)', 'mixup (alpha=0.4)']  # fmt: skip


def test_sam_keeps_bfloat16_and_the_rest_of_the_wrapper():
    kind = 'mmgala.BFloat16OptimWrapper'
    options = dict(type=kind, clip_grad=dict(max_norm=1.0))
    cfg, _ = added('sam', optim_wrapper=options)

    assert cfg.optim_wrapper.dtype == 'bfloat16'
    assert cfg.optim_wrapper.clip_grad.max_norm == 1.0


@pytest.mark.parametrize(
    ('texts', 'words'),
    [
        (['swa'], 'swa.*choose from ema'),
        (['sam', 'sam:rho=0.1'], 'sam is given twice'),
        (['sam:radius=0.1'], "'radius'.*rho"),
        (['sam:rho=big'], "rho must be a number.*'big'"),
        (['ema:momentum=1'], 'between 0 and 1.*1'),
        (['mixup:alpha=0'], 'alpha.*0'),
    ],
)
def test_wrong_additions_are_refused_with_the_remedy(texts, words):
    with pytest.raises(ValueError, match=words):
        added(*texts)


@pytest.mark.parametrize(
    ('text', 'changes', 'words'),
    [
        (
            'sam',
            {'optim_wrapper.type': 'AmpOptimWrapper'},
            'AmpOptimWrapper.*OptimWrapper',
        ),
        ('ema', {'custom_hooks': [dict(type='EMAHook')]}, 'EMAHook already'),
        (
            'mixup',
            {'model.train_cfg': dict(augments=dict(type='CutMix', alpha=1.0))},
            'mixes images already',
        ),
    ],
)
def test_configs_that_have_it_already_are_refused(text, changes, words):
    with pytest.raises(ValueError, match=words):
        added(text, **changes)


def test_list_names_each_with_its_source():
    lines = '\n'.join(describe_additions())
    assert all(f'--with {name}' in lines for name in ADDITIONS)
    assert 'arXiv 2010.01412' in lines


def planned(tmp_path, *additions):
    """Runs and remark that the command plans."""
    args = Namespace(
        methods_file=None, methods=['ce', 'config'], additions=list(additions),
        first_seed=0, seeds=1, selection='last', only_report=False,
    )  # fmt: skip
    runs = plan(small_config(), tmp_path, args)
    return runs, args.own_loss


def test_the_report_names_what_all_methods_are_trained_with(tmp_path):
    runs, remark = planned(tmp_path, 'mixup', 'sam')

    assert (
        remark == 'All methods are trained with mixup (alpha=0.4) and sam (rho=0.05).'
    )
    assert [run.cfg.model.head.loss.use_soft for run in runs] == [True, True]
    assert {run.cfg.optim_wrapper.type for run in runs} == {'mmgala.SAMOptimWrapper'}
    assert not planned(tmp_path)[1]


@pytest.mark.parametrize('method', ['ce', 'gala', 'ldam-drw'])
def test_losses_of_mixed_images(method, tmp_path):
    """Losses take the mixed labels; their config says so where it must."""
    cfg, _ = added('mixup')
    (method,) = find_methods([method])
    cfg = run_config(cfg, method, 0, tmp_path, 'last')

    if method.name == 'ce':
        assert cfg.model.head.loss.use_soft is True
    assert cfg.model.train_cfg.augments.type == 'Mixup'


@pytest.mark.slow
def test_all_additions_train_together(tmp_path):
    cfg, _ = added('ema:momentum=0.1', 'sam', 'weight-decay', 'mixup')
    (run,) = plan_runs(cfg, find_methods(['gala']), [0], tmp_path)

    execute(run, Report(lambda message: None))

    assert run.finished
    assert len(read_npz(run.folder / 'val.npz')['pred_score'])
