"""What tools add to the runner of a config that asks for nothing."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmgala.apis.runner import build_runner
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine.small_training import small_config
from tests.engine.tiny_runner import tiny_model, tiny_runner

COUNTING = [dict(type='mmgala.ClassCountsHook')]


@pytest.fixture
def without(tmp_path):
    """Config without our hooks."""

    def build(name='without', **options):
        return small_config(tmp_path / name, custom_hooks=[], **options)

    return build


def trained(runner):
    runner.train()
    return read_checkpoint(f'{runner.work_dir}/epoch_1.pth')


@pytest.mark.slow
def test_the_training_is_the_same_bit_for_bit(without, tmp_path):
    plain = trained(Runner.from_cfg(without()))
    added = trained(build_runner(without('added')))
    stated = trained(build_runner(small_config(tmp_path / 's', custom_hooks=COUNTING)))

    for found in (added, stated):
        weights = found['state_dict']
        assert list(weights) == list(plain['state_dict'])
        for name, value in plain['state_dict'].items():
            assert torch.equal(weights[name], value), name
    assert 'class_counts' not in plain['meta']
    assert added['meta']['class_counts'] == stated['meta']['class_counts']
    assert sum(added['meta']['class_counts']) == 284


@pytest.mark.slow
def test_what_was_counted_is_said(without, tmp_path):
    cfg = without()

    trained(build_runner(cfg))

    (log,) = tmp_path.glob('without/*/*.log')
    assert 'What was counted' in log.read_text()


@pytest.mark.slow
def test_a_loss_gets_its_counts_but_keeps_those_of_its_config(without):
    given = list(range(1, 11))
    cfgs = without('counted'), without('given')
    for cfg in cfgs:
        cfg.model.head.loss = dict(type='mmgala.BalancedSoftmaxLoss')
    cfgs[1].model.head.loss['class_counts'] = given

    counted, kept = (trained(build_runner(cfg)) for cfg in cfgs)

    name = 'head.loss_module.class_counts'
    assert counted['state_dict'][name].tolist() == counted['meta']['class_counts']
    assert kept['state_dict'][name].tolist() == given


@pytest.mark.slow
def test_data_without_labels_that_can_be_counted_are_trained_on(tmp_path, monkeypatch):
    runner = tiny_runner(tmp_path, tiny_model())
    monkeypatch.setattr(Runner, 'from_cfg', lambda cfg: runner)

    build_runner(Config()).train()
    runner.test()

    assert 'class_counts' not in read_checkpoint(tmp_path / 'epoch_1.pth')['meta']


def test_runners_of_one_second_write_to_their_own_folders(tmp_path, monkeypatch):
    """As a stage of less than a second and the next one."""
    monkeypatch.setattr('time.time', lambda: 1.8e9)
    runners = {
        folder: build_runner(small_config(folder, experiment_name='name'))
        for folder in (tmp_path / 'a', tmp_path / 'b')
    }

    for folder, runner in runners.items():
        log = runner.logger.handlers[-1].baseFilename
        writer = runner.visualizer.get_backend('LocalVisBackend')
        assert Path(log).is_relative_to(folder)
        assert Path(writer._save_dir).is_relative_to(folder)
