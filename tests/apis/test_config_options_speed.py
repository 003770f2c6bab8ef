"""What --amp and --channels-last change in a config."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from mmgala.apis.config_options import use_channels_last, use_mixed_precision
from mmgala.engine import BFloat16OptimWrapper, ChannelsLastHook

SGD = dict(type='SGD', lr=0.1)
BFLOAT16 = dict(type='mmgala.BFloat16OptimWrapper', optimizer=SGD)
FLOAT16 = dict(type='AmpOptimWrapper', loss_scale='dynamic', optimizer=SGD)
ADDED = dict(type='mmgala.ChannelsLastHook')


class OwnOptimWrapper(OptimWrapper):
    """Of a user."""


@pytest.fixture(params=['cpu', 'cuda'])
def device(request, monkeypatch):
    monkeypatch.setattr('mmengine.device.utils.DEVICE', request.param)
    return request.param


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr('mmengine.device.utils.DEVICE', 'cpu')


@pytest.fixture
def on_gpu(monkeypatch):
    monkeypatch.setattr('mmengine.device.utils.DEVICE', 'cuda')


def mixed(**options):
    """Optimizer wrapper of a config after --amp."""
    cfg = Config(dict(optim_wrapper=dict(optimizer=SGD, **options)))
    use_mixed_precision(cfg)
    return cfg.optim_wrapper.to_dict()


@pytest.mark.parametrize(
    'given',
    [
        {},
        dict(type='OptimWrapper'),
        dict(type='mmengine.OptimWrapper'),
        dict(type=OptimWrapper),
        dict(type='AmpOptimWrapper'),
        dict(type=AmpOptimWrapper),
    ],
    ids=str,
)
def test_the_device_decides(device, given):
    assert mixed(**given) == (BFLOAT16 if device == 'cpu' else FLOAT16)


def test_what_else_the_wrapper_does_is_kept(device):
    options = dict(accumulative_counts=2, clip_grad=dict(max_norm=1.0))
    assert mixed(**options) == {**(BFLOAT16 if device == 'cpu' else FLOAT16), **options}


@pytest.mark.parametrize(
    'kind', ['mmgala.BFloat16OptimWrapper', BFloat16OptimWrapper], ids=str
)
def test_bfloat16_of_a_config_stays(device, kind):
    assert mixed(type=kind) == dict(type=kind, optimizer=SGD)


def test_a_loss_scale_is_for_gpus(device):
    found = mixed(type='AmpOptimWrapper', loss_scale=512.0)
    assert found == (BFLOAT16 if device == 'cpu' else {**FLOAT16, 'loss_scale': 512.0})


@pytest.mark.parametrize('dtype', ['bfloat16', torch.bfloat16])
def test_bfloat16_is_what_a_cpu_does(on_cpu, dtype):
    assert mixed(type='AmpOptimWrapper', dtype=dtype) == BFLOAT16


def test_a_gpu_does_bfloat16_if_told(on_gpu):
    assert mixed(dtype='bfloat16') == {**FLOAT16, 'dtype': 'bfloat16'}


@pytest.mark.parametrize('dtype', ['float16', torch.float16])
def test_float16_on_a_cpu_is_refused(on_cpu, dtype):
    with pytest.raises(
        ValueError, match=r'dtype=\S*float16, but .* CPU requires bfloat16'
    ):
        mixed(type='AmpOptimWrapper', dtype=dtype)


@pytest.mark.parametrize('kind', [OwnOptimWrapper, 'OwnOptimWrapper', 'ApexWrapper'])
def test_a_wrapper_of_the_user_is_not_replaced(device, kind):
    with pytest.raises(
        ValueError, match='replace the optimizer wrapper .*OptimWrapper|Apex'
    ):
        mixed(type=kind)


@pytest.mark.parametrize(
    ('hooks', 'added'),
    [
        (None, True),
        ([], True),
        ([dict(type='mmgala.ClassCountsHook')], True),
        ([dict(type=EMAHook)], True),
        ([EMAHook()], True),
        ([ADDED], False),
        ([dict(type='ChannelsLastHook')], False),
        ([dict(type=ChannelsLastHook)], False),
        ([ChannelsLastHook()], False),
    ],
)
def test_the_hook_is_added_where_it_is_not_there(hooks, added):
    cfg = Config(dict(default_scope='mmgala'))
    if hooks is not None:
        cfg.custom_hooks = hooks
    use_channels_last(cfg)
    assert len(cfg.custom_hooks) == len(hooks or []) + added
    assert (cfg.custom_hooks[-1] == ADDED) or not added
