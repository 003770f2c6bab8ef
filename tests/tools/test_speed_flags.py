"""--amp and --channels-last of tools/train.py, on a CPU."""

import pytest
import torch
from mmengine.config import Config
from torch.testing import assert_close

from mmgala.utils.checkpoint import read_checkpoint
from tests.small_recipes import ONE_RESIDUAL_STAGE, epochs, small_images
from tests.tools.command_line import assert_one_line, call, options
from tests.tools.recipes import changes_for, shipped
from tests.tools.recipes import train as train_recipe

FLAGS = {
    'amp': ['--amp'],
    'channels-last': ['--channels-last'],
    'both': ['--amp', '--channels-last'],
}
STATISTICS = ('head.loss_module.pos_grad', 'head.loss_module.neg_grad')
TWO_STAGES = 'gala/resnext50_imagenet-lt'
# An optimizer wrapper for stage 1 that inherits nothing from the last stage.
OWN_WRAPPER = """
_base_ = '{base}'
stage1 = dict(
    optim_wrapper=dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1), {more})
)
"""


def train(folder, config, *flags, last_epoch=1):
    """Train in ``folder / 'work'``; return the checkpoint."""
    folder.mkdir(exist_ok=True)
    end = call('train', config, '--work-dir', folder / 'work', *flags,
               *options(train_cfg__max_epochs=last_epoch), cwd=folder)  # fmt: skip
    assert end is None
    return read_checkpoint(folder / 'work' / f'epoch_{last_epoch}.pth')


def assert_config_shows(path, flags):
    cfg = Config.fromfile(path)
    kind = 'mmgala.BFloat16OptimWrapper' if '--amp' in flags else 'OptimWrapper'
    assert cfg.optim_wrapper.get('type', 'OptimWrapper') == kind
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert hooks.count('mmgala.ChannelsLastHook') == ('--channels-last' in flags)


@pytest.mark.parametrize('flags', FLAGS.values(), ids=FLAGS)
def test_a_faster_training_is_nearly_the_same_and_recorded_in_its_config(
    tmp_path, trained, flags
):
    state = train(tmp_path, trained.config, *flags)['state_dict']

    expected = read_checkpoint(trained.work_dir / 'epoch_1.pth')['state_dict']
    assert list(state) == list(expected)
    assert all(value.is_contiguous() for value in state.values())
    precision = 2**-8 if '--amp' in flags else 1e-5
    for name in STATISTICS:
        assert_close(state[name], expected[name], rtol=precision, atol=0)
    assert_config_shows(tmp_path / 'work' / trained.config.name, flags)


def test_a_resumed_training_is_bit_identical(tmp_path, trained):
    flags = FLAGS['both']
    expected = train(tmp_path / 'whole', trained.config, *flags, last_epoch=2)
    first = tmp_path / 'whole' / 'work' / 'epoch_1.pth'
    found = train(tmp_path / 'resumed', trained.config, *flags, '--resume', first,
                  last_epoch=2)  # fmt: skip

    assert not list((tmp_path / 'resumed' / 'work').glob('epoch_1.pth'))
    assert_close(found['state_dict'], expected['state_dict'], rtol=0, atol=0)
    for index, state in expected['optimizer']['state'].items():
        momentum = found['optimizer']['state'][index]['momentum_buffer']
        assert torch.equal(momentum, state['momentum_buffer'])


def test_a_wrapper_of_the_user_is_not_replaced(tmp_path, trained):
    end = call('train', trained.config, '--amp',
               *options(optim_wrapper__type='ApexOptimWrapper'),
               cwd=tmp_path)  # fmt: skip

    assert_one_line(end, 'optimizer wrapper of this config, ApexOptimWrapper')
    assert not list(tmp_path.rglob('*.pth'))


def two_stages(folder, miniatures, more=''):
    """Run a small two-stage training; return its error or ``None``."""
    config = folder / 'two_stages.py'
    config.write_text(OWN_WRAPPER.format(base=shipped(TWO_STAGES), more=more))
    small = {**ONE_RESIDUAL_STAGE, **epochs(1, 1), **small_images()}
    return train_recipe(config, folder / 'work', *FLAGS['both'],
                        *changes_for(TWO_STAGES, miniatures, **small))  # fmt: skip


def test_both_flags_apply_to_both_stages(tmp_path, miniatures):
    assert two_stages(tmp_path, miniatures) is None

    for folder in (tmp_path / 'work' / 'stage1', tmp_path / 'work'):
        assert_config_shows(folder / 'two_stages.py', FLAGS['both'])
        state = read_checkpoint(folder / 'epoch_1.pth')['state_dict']
        assert all(value.is_contiguous() for value in state.values())
    for name in STATISTICS:  # of the last stage
        assert state[name].dtype == torch.float32
        assert (state[name] > 0).all()
        assert state[name].isfinite().all()


def test_a_wrapper_of_the_user_in_stage_1_is_not_replaced(tmp_path, miniatures):
    end = two_stages(tmp_path, miniatures, more="type='ApexOptimWrapper'")

    assert_one_line(end, 'optimizer wrapper of this config, ApexOptimWrapper')
    assert not list(tmp_path.rglob('*.pth'))
