"""ChannelsLastHook changes the memory format of weights, and nothing else."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn
from torch.testing import assert_close

from mmgala.engine import ChannelsLastHook
from mmgala.utils.checkpoint import read_checkpoint
from tests.engine import convolution_training
from tests.engine.convolution_training import (
    BFLOAT16,
    Convolutions,
    tensors,
    train_convolutions,
)
from tests.engine.index_training import weights
from tests.engine.tiny_runner import tiny_model, tiny_runner

CONVERTED = {'conv1.weight', 'conv2.weight'}
CONVERTED |= {f'momentum of {name}' for name in CONVERTED}


def is_channels_last(tensor):
    """Whether a tensor is in channels-last format and in no other."""
    last = tensor.is_contiguous(memory_format=torch.channels_last)
    return last and not tensor.is_contiguous()


def converted(named_tensors):
    return {n for n, v in named_tensors.items() if v.dim() == 4 and is_channels_last(v)}


class Outputs(Hook):
    """Records whether inputs and outputs of layers of a type are converted."""

    def __init__(self, *kinds):
        self.kinds = kinds
        self.inputs, self.outputs = [], []

    def before_train(self, runner):
        for module in runner.model.modules():
            if isinstance(module, self.kinds):
                module.register_forward_hook(self._note)

    def _note(self, module, args, output):
        self.inputs.append(is_channels_last(args[0]))
        self.outputs.append(is_channels_last(output))


def test_weights_and_momentum_are_converted(tmp_path):
    assert converted(tensors(train_convolutions(tmp_path / 'plain'))) == set()
    last = train_convolutions(tmp_path / 'last', channels_last=True)
    assert converted(tensors(last)) == CONVERTED


@pytest.mark.parametrize('options', [{}, dict(optim_wrapper=BFLOAT16)])
def test_images_need_no_conversion(tmp_path, options):
    noted = Outputs(nn.Conv2d)
    train_convolutions(tmp_path, channels_last=True, hooks=[noted], **options)
    assert noted.inputs == [False, True] * 18  # steps
    assert all(noted.outputs)


def test_every_layer_of_the_residual_network_keeps_the_format(tmp_path):
    noted = Outputs(nn.Conv2d, nn.BatchNorm2d, nn.ReLU)
    hooks = [noted, ChannelsLastHook()]
    tiny_runner(tmp_path, model=tiny_model(base_channels=4), custom_hooks=hooks).train()
    assert len(noted.outputs) == 2 * (19 + 19 + 19)
    assert all(noted.outputs)


def test_training_is_the_same_as_without(tmp_path):
    plain = tensors(train_convolutions(tmp_path / 'plain'))
    last = tensors(train_convolutions(tmp_path / 'last', channels_last=True))
    assert_close(last, plain, rtol=1e-5, atol=1e-6)


def test_a_seed_initializes_the_same_weights(tmp_path):
    def initialized(name, hooks):
        runner = tiny_runner(tmp_path / name, custom_hooks=hooks, steps=0)
        torch.manual_seed(1)
        runner.train()
        return runner.model.state_dict()

    expected = initialized('plain', [])
    found = initialized('last', [ChannelsLastHook()])
    assert converted(found)
    assert_close(found, expected, rtol=0, atol=0)


def test_a_checkpoint_is_contiguous_and_the_training_is_not(tmp_path):
    runner = train_convolutions(tmp_path, 9, channels_last=True)
    checkpoint = read_checkpoint(tmp_path / 'iter_9.pth')
    state = checkpoint['state_dict']
    momentum = [s['momentum_buffer'] for s in checkpoint['optimizer']['state'].values()]
    assert all(tensor.is_contiguous() for tensor in [*state.values(), *momentum])
    assert converted(tensors(runner)) == CONVERTED
    assert_close(state, dict(runner.model.state_dict()), rtol=0, atol=0)
    assert [m.numpy().tobytes() for m in momentum] == [
        value.numpy().tobytes()
        for name, value in tensors(runner).items()
        if name.startswith('momentum')
    ]


def test_a_moving_average_is_saved_contiguous(tmp_path):
    hooks = [EMAHook(), ChannelsLastHook()]
    tiny_runner(tmp_path, custom_hooks=hooks).train()
    checkpoint = read_checkpoint(tmp_path / 'epoch_1.pth')
    for key in ('state_dict', 'ema_state_dict'):
        assert all(tensor.is_contiguous() for tensor in checkpoint[key].values())


def test_a_resumed_training_is_the_same_bit_by_bit(tmp_path):
    whole = train_convolutions(tmp_path / 'whole', channels_last=True)
    train_convolutions(tmp_path / 'parts', 4, channels_last=True)
    resumed = train_convolutions(tmp_path / 'parts', channels_last=True, resume=True)
    assert converted(tensors(resumed)) == CONVERTED
    assert weights(resumed) == weights(whole)


@pytest.mark.parametrize('before', [False, True])
def test_a_contiguous_training_can_be_resumed_and_vice_versa(tmp_path, before):
    expected = tensors(train_convolutions(tmp_path / 'whole'))
    train_convolutions(tmp_path / 'parts', 4, channels_last=before)
    resumed = train_convolutions(
        tmp_path / 'parts', channels_last=not before, resume=True
    )
    assert converted(tensors(resumed)) == (set() if before else CONVERTED)
    assert_close(tensors(resumed), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('find_unused_parameters', [False, True])
def test_ranks_train_the_same_as_without(tmp_path, rank_pool, find_unused_parameters):
    ranks = rank_pool.run(
        convolution_training.train_on_rank,
        2,
        work_dir=str(tmp_path),
        find_unused_parameters=find_unused_parameters,
    )
    for plain, last, warned in ranks:
        assert converted(last) == CONVERTED
        assert_close(last, plain, rtol=1e-5, atol=1e-6)
        assert_close(last, ranks[0][1], rtol=0, atol=0)
        assert not [text for text in warned if 'strides' in text]


def test_a_model_is_converted_for_testing_too(tmp_path):
    runner = tiny_runner(tmp_path, custom_hooks=[ChannelsLastHook()])
    runner.test()
    weight = runner.model.backbone.conv1.weight
    assert is_channels_last(weight)


def test_each_of_several_optimizers_is_converted():
    model = Convolutions()
    wrappers = {
        name: OptimWrapper(torch.optim.AdamW(module.parameters()))
        for name, module in model.named_children()
        if isinstance(module, nn.Conv2d)
    }
    model(torch.randn(4, 3), torch.arange(4), None)['loss'].backward()
    for wrapper in wrappers.values():
        wrapper.step()
    states = {n: copy.deepcopy(w.optimizer.state_dict()) for n, w in wrappers.items()}
    runner = SimpleNamespace(model=model, optim_wrapper=OptimWrapperDict(**wrappers))

    ChannelsLastHook().before_train(runner)

    for name, wrapper in wrappers.items():
        state = wrapper.optimizer.state[model.get_submodule(name).weight]
        assert is_channels_last(state['exp_avg'])
        assert is_channels_last(state['exp_avg_sq'])
        assert_close(wrapper.optimizer.state_dict()['state'], states[name]['state'])


def test_a_wrapper_that_stores_weights_itself_is_refused(tmp_path, monkeypatch):
    class Flattening(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    monkeypatch.setattr(
        'mmgala.engine.hooks.channels_last_hook.is_model_wrapper',
        lambda model: isinstance(model, Flattening),
    )
    runner = SimpleNamespace(model=Flattening(Convolutions()))
    with pytest.raises(ValueError, match='DistributedDataParallel, but got .*Flatt'):
        ChannelsLastHook().before_run(runner)


def test_the_hook_runs_last_before_saving_a_checkpoint(tmp_path):
    runner = tiny_runner(tmp_path, custom_hooks=[dict(type='mmgala.ChannelsLastHook')])
    assert isinstance(runner.hooks[-1], ChannelsLastHook)
