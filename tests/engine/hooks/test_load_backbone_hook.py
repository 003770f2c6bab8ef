"""LoadBackboneHook loads the whole backbone of a checkpoint, and nothing else."""

import copy

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import init_default_scope
from torch import nn

from mmgala.models import CIFARResNet, DecoupledClassifier
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_fit import unwrap_model
from tests.engine.tiny_runner import tiny_model, tiny_runner

HOOK = dict(type='mmgala.LoadBackboneHook')


class Stop(Exception):
    """Ends a run before its loop starts."""


class StopBeforeLoop(Hook):
    def before_train(self, runner):
        raise Stop

    before_test = before_train


def start(work_dir, model, run='train', hooks=(HOOK,), **options):
    """Start a runner that loads a checkpoint; return it, stopped before its loop."""
    hooks = [*hooks, StopBeforeLoop()]
    runner = tiny_runner(work_dir, model, custom_hooks=hooks, **options)
    with pytest.raises(Stop):
        getattr(runner, run)()
    return runner


def whole(donor):
    return {'meta': {}, 'state_dict': donor.state_dict()}


def with_prefix(donor):
    state = {f'module.{name}': value for name, value in donor.state_dict().items()}
    return {'state_dict': state}


def bare(donor):
    """State dict as torchvision saves it: no prefix, the classifier is `fc`."""
    head = {'fc.weight': torch.ones(1000, 8), 'fc.bias': torch.ones(1000)}
    return {**donor.backbone.state_dict(), **head}


def bare_with_prefix(donor):
    return {f'module.{name}': value for name, value in bare(donor).items()}


def backbone_alone(donor):
    state = donor.state_dict()
    return {name: state[name] for name in state if name.startswith('backbone.')}


LEFT = {
    whole: '2 (head.fc.bias, head.fc.weight)',
    with_prefix: '2 (module.head.fc.bias, module.head.fc.weight)',
    bare: '2 (fc.bias, fc.weight)',
    bare_with_prefix: '2 (module.fc.bias, module.fc.weight)',
    backbone_alone: '0 (none)',
}


@pytest.fixture
def save(tmp_path):
    """Factory: write a checkpoint, return its path."""

    def write(content):
        path = tmp_path / 'donor.pth'
        torch.save(content, path)
        return str(path)

    return write


def assert_backbone_alone_is_taken(model, donor, own_head):
    """Assert that the backbone's state was loaded, and that of the head was not."""
    state = unwrap_model(model).state_dict()
    for name, value in donor.state_dict().items():
        if name.startswith('backbone.'):
            assert torch.equal(state[name], value), name
        else:
            assert torch.equal(state[name], own_head[name.removeprefix('head.')]), name
            assert not torch.equal(state[name], value), name


@pytest.fixture
def donor():
    model = tiny_model(seed=1)
    for name, value in model.state_dict().items():
        if 'running' in name or '.bn' in name:
            value.add_(torch.rand_like(value.float()).to(value.dtype))
    return model


@pytest.mark.parametrize('form', LEFT, ids=lambda form: form.__name__)
def test_backbone_is_loaded_and_the_classifier_is_not(tmp_path, save, donor, form):
    model = tiny_model(seed=2)
    own_head = copy.deepcopy(model.head.state_dict())
    path = save(form(donor))

    start(tmp_path / 'work', model, load_from=path)

    assert_backbone_alone_is_taken(model, donor, own_head)
    (log,) = (tmp_path / 'work').glob('*/*.log')
    # 19 convolutions, and 19 norms of five tensors.
    line = (
        f'Loaded all 114 weights of backbone.* from {path}; skipped {LEFT[form]}. '
        'The classifier is trained from scratch.\n'
    )
    assert line in log.read_text()


def test_without_the_hook_the_classifier_is_loaded_too(tmp_path, save, donor):
    model = tiny_model(seed=2)
    start(tmp_path, model, hooks=(), load_from=save(whole(donor)))
    assert torch.equal(model.head.fc.weight, donor.head.fc.weight)


def test_wrapped_model(tmp_path, save, donor):
    model = tiny_model(seed=2)
    own_head = copy.deepcopy(model.head.state_dict())
    wrapped = nn.DataParallel(model)
    start(tmp_path / 'work', wrapped, load_from=save(whole(donor)))
    assert_backbone_alone_is_taken(wrapped, donor, own_head)


def test_moving_average_starts_from_the_same(tmp_path, save, donor):
    model = tiny_model(seed=2)
    own_head = copy.deepcopy(model.head.state_dict())
    average = EMAHook()
    hooks = (average, HOOK)
    start(tmp_path / 'work', model, hooks=hooks, load_from=save(whole(donor)))
    assert_backbone_alone_is_taken(average.ema_model.module, donor, own_head)


def test_checkpoint_without_num_batches_tracked(tmp_path, save, donor):
    """ImageNet weights from PyTorch before 0.4.1 or from Caffe are still in use."""
    model = tiny_model(seed=2)
    old = {name: v for name, v in bare(donor).items() if 'num_batches' not in name}
    start(tmp_path / 'work', model, load_from=save(old))
    for name, value in donor.backbone.named_parameters():
        assert torch.equal(model.backbone.get_parameter(name), value)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Folder with the checkpoints of two epochs."""
    work_dir = tmp_path_factory.mktemp('trained')
    tiny_runner(work_dir, tiny_model(seed=1), steps=2).train()
    return work_dir


def assert_whole(model, path):
    stored = read_checkpoint(path)['state_dict']
    assert list(model.state_dict()) == list(stored)
    for name, value in model.state_dict().items():
        assert torch.equal(value, stored[name]), name


def test_testing_loads_the_whole_model(tmp_path, trained):
    model, path = tiny_model(seed=2), trained / 'epoch_1.pth'
    start(tmp_path, model, run='test', load_from=str(path))
    assert_whole(model, path)


@pytest.mark.parametrize('given', [True, False], ids=['given', 'auto'])
def test_resuming_loads_the_whole_model(tmp_path, trained, given):
    model, epoch = tiny_model(seed=2), 1 if given else 2
    path = trained / f'epoch_{epoch}.pth'
    if given:
        options = dict(work_dir=tmp_path, load_from=str(path))
    else:
        options = dict(work_dir=trained)
    runner = start(model=model, resume=True, **options)
    assert_whole(model, path)
    assert runner.epoch == epoch


@pytest.mark.parametrize('load_from', ['epoch_1.pth', None])
def test_after_training_whole_checkpoints_are_loaded(tmp_path, trained, load_from):
    model = tiny_model(seed=2)
    start_from = load_from and str(trained / load_from)
    runner = tiny_runner(tmp_path, model, load_from=start_from, custom_hooks=[HOOK])
    runner.train()

    runner.load_checkpoint(str(trained / 'epoch_2.pth'))

    assert_whole(model, trained / 'epoch_2.pth')


def test_neck_with_weights_is_part_of_the_representation(tmp_path, save):
    donor, model = (with_linear_neck(seed) for seed in (1, 2))

    start(tmp_path / 'work', model, load_from=save(whole(donor)))

    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert any(name.startswith('neck.') for name in frozen)
    for name in frozen:
        assert torch.equal(model.state_dict()[name], donor.state_dict()[name]), name


def with_linear_neck(seed):
    init_default_scope('mmpretrain')
    torch.manual_seed(seed)
    return DecoupledClassifier(
        backbone=CIFARResNet(20, base_channels=2),
        neck=dict(type='LinearNeck', in_channels=8, out_channels=8, gap_dim=2),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=8, init_cfg=None),
    )
