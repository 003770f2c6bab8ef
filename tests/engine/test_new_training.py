"""A new training from the weights of another, with MMEngine's runner and no hook."""

import copy

import pytest
import torch

from mmgala.models import GALAHead
from tests.engine.small_training import small_config, train
from tests.engine.tiny_runner import tiny_model, tiny_runner

LOSSES = {
    'GALALoss': dict(type='mmgala.GALALoss'),
    'official': dict(type='mmgala.GALALoss', variant='official'),
    'counting': dict(type='mmgala.GALALoss', count_share=0.5),
    'SeesawLoss': dict(type='mmgala.SeesawLoss'),
}


def model_with(loss):
    model = tiny_model()
    model.head = GALAHead(3, 8, loss=dict(loss), init_cfg=None)
    return model


def statistics(runner):
    loss = runner.model.head.loss_module
    return {name: buffer.clone() for name, buffer in loss.named_buffers()}


def log_of(work_dir):
    return next(work_dir.glob('*/*.log')).read_text()


@pytest.fixture(params=LOSSES)
def loss(request):
    return LOSSES[request.param]


def runner_on(seed, work_dir, model, *args, **options):
    """Runner on images that the seed determines."""
    torch.manual_seed(seed)
    return tiny_runner(work_dir, model, *args, **options)


@pytest.mark.parametrize('unit', ['epochs', 'iterations'])
def test_a_new_training_does_not_add_to_loaded_statistics(loss, unit, tmp_path):
    first = runner_on(0, tmp_path / 'first', model_with(loss), unit, steps=2)
    first.train()
    weights = tmp_path / 'weights.pth'
    torch.save(dict(state_dict=first.model.state_dict(), meta={}), weights)
    fresh = copy.deepcopy(first.model)  # the same weights, and no statistics
    fresh.head.loss_module = model_with(loss).head.loss_module
    expected = runner_on(1, tmp_path / 'expected', fresh, unit)
    expected.train()
    second = runner_on(
        1, tmp_path / 'second', model_with(loss), unit, load_from=str(weights)
    )
    second.train()
    found = statistics(second)
    for name, value in statistics(expected).items():
        assert torch.equal(found[name], value), name
    log = log_of(tmp_path / 'second')
    assert log.count('starts its statistics again') == 1
    assert '--resume' in log


def test_a_resumed_training_keeps_the_statistics_bit_for_bit(loss, tmp_path):
    whole = runner_on(0, tmp_path / 'whole', model_with(loss), steps=2)
    whole.train()
    options = dict(resume=True, load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    part = runner_on(0, tmp_path / 'part', model_with(loss), steps=2, **options)
    part.train()
    found = statistics(part)
    for name, value in statistics(whole).items():
        assert torch.equal(found[name], value), name
    assert 'starts its statistics again' not in log_of(tmp_path / 'part')


def test_a_test_keeps_the_saved_statistics(loss, tmp_path):
    first = tiny_runner(tmp_path / 'first', model_with(loss))
    first.train()
    path = str(tmp_path / 'first' / 'epoch_1.pth')
    tested = tiny_runner(tmp_path / 'test', model_with(loss), load_from=path)
    tested.test()
    tested.model.train()
    found = statistics(tested)
    for name, value in statistics(first).items():
        assert torch.equal(found[name], value), name


def test_a_loss_of_class_counts_does_not_take_those_of_a_checkpoint(tmp_path):
    loss = dict(type='mmgala.BalancedSoftmaxLoss')
    first = tiny_runner(
        tmp_path / 'first',
        model_with({**loss, 'class_counts': [5, 3, 1]}),
    )
    first.train()
    second = tiny_runner(
        tmp_path / 'second',
        model_with(loss),
        load_from=str(tmp_path / 'first' / 'epoch_1.pth'),
    )
    with pytest.raises(ValueError, match='ClassCountsHook'):
        second.train()


@pytest.mark.slow
def test_a_new_training_on_other_data_has_its_own_statistics(tmp_path):
    _, path = train(small_config(tmp_path / 'first'))
    options = dict(train_dataloader__dataset__imbalance_factor=5)
    second, _ = train(small_config(tmp_path / 'second', load_from=str(path), **options))
    samples = len(second.train_dataloader.dataset)
    loss = second.model.head.loss_module
    assert 0 < loss.pos_grad.sum() < samples  # each sample adds less than 1
