"""What losses accumulate: large sums, restored sums, and a new start."""

import copy

import pytest
import torch

from mmgala.losses import (
    BalancedSoftmaxLoss,
    GALALoss,
    LogitAdjustmentLoss,
    SeesawLoss,
)
from tests.batches import random_logits, random_target
from tests.losses.loss_cases import CASES

LOSSES = {
    'paper': lambda: GALALoss(4),
    'official': lambda: GALALoss(4, variant='official'),
    'counting': lambda: GALALoss(4, count_share=0.5),
    'seesaw': lambda: SeesawLoss(4),
}
BROKEN = [float('nan'), float('inf'), -1.0]


def train(loss, seed=0, steps=3):
    for step in range(steps):
        logits = random_logits(6, 4, seed=10 * seed + step).requires_grad_()
        loss(logits, random_target('hard', 6, 4, seed=10 * seed + step))
    return loss


@pytest.mark.parametrize('name', LOSSES)
def test_after_a_reset_a_loss_is_as_new(name):
    new, used = LOSSES[name](), train(LOSSES[name]())
    used.reset_statistics()
    for buffer, expected in zip(used.buffers(), new.buffers(), strict=True):
        assert torch.equal(buffer, expected)


@pytest.mark.parametrize('name', LOSSES)
def test_a_restored_loss_continues_bit_for_bit(name):
    whole = train(train(LOSSES[name]()), seed=1)
    resumed = LOSSES[name]()
    resumed.load_state_dict(train(LOSSES[name]()).state_dict())
    train(resumed, seed=1)
    for buffer, expected in zip(resumed.buffers(), whole.buffers(), strict=True):
        assert torch.equal(buffer, expected)


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('value', BROKEN)
def test_broken_statistics_are_refused_by_their_key(name, value):
    loss = LOSSES[name]()
    for key in loss.statistics:
        if key.endswith('_low') and value == -1:
            continue  # low-order parts have either sign
        state = copy.deepcopy(loss.state_dict())
        state[key] = state[key].double()
        state[key].view(-1)[1] = value
        with pytest.raises(ValueError, match=rf'{key}.* {value:g}.*earlier checkpoint'):
            LOSSES[name]().load_state_dict(state)


def test_negative_class_counts_of_a_checkpoint_are_refused():
    state = LogitAdjustmentLoss(2, class_counts=[3, 1]).state_dict()
    state['class_counts'][1] = -1
    with pytest.raises(ValueError, match='class_counts.* -1'):
        LogitAdjustmentLoss(2).load_state_dict(state)


@pytest.mark.parametrize('name', ['paper', 'official', 'counting'])
def test_a_checkpoint_without_low_order_parts_can_be_loaded(name):
    state = train(LOSSES[name]()).state_dict()
    old = {key: value for key, value in state.items() if not key.endswith('_low')}
    loss = LOSSES[name]()
    assert loss.load_state_dict(old) == ([], [])
    assert torch.equal(loss.pos_grad, state['pos_grad'])
    assert not loss.pos_grad_low.any()


def test_class_counts_return_to_those_of_the_config():
    loss = BalancedSoftmaxLoss(2, class_counts=[3, 1])
    loss.load_state_dict(BalancedSoftmaxLoss(2, class_counts=[8, 8]).state_dict())
    loss.reset_statistics()
    assert loss.class_counts.tolist() == [3, 1]
    assert loss.log_prior.exp().tolist() == pytest.approx([0.75, 0.25])


def test_unknown_class_counts_are_unknown_again():
    loss = BalancedSoftmaxLoss(2)
    loss.load_state_dict(BalancedSoftmaxLoss(2, class_counts=[8, 8]).state_dict())
    loss.reset_statistics()
    with pytest.raises(ValueError, match='ClassCountsHook'):
        loss(torch.zeros(1, 2), torch.tensor([0]))


@pytest.mark.parametrize('statistic', ['pos_grad', 'neg_grad'])
def test_statistics_keep_growing_beyond_2_to_the_24(statistic):
    loss = GALALoss(2)
    getattr(loss, statistic).fill_(2.0**24)
    logits = torch.zeros(1, 2, requires_grad=True)
    for _ in range(200):
        loss.accumulate(*[torch.tensor([0.5, 0.0])] * 2, 1)
    assert getattr(loss, statistic)[0].item() - 2**24 == 100
    with torch.no_grad():
        loss.pos_grad.zero_(), loss.neg_grad.zero_()
    loss(logits, torch.tensor([0]))
    assert loss.pos_grad.tolist() == [0.5, 0.0]


def test_running_sums_of_the_official_variant_keep_growing():
    loss = GALALoss(2, variant='official')
    loss.running_sums.fill_(2.0**24)
    for _ in range(200):
        loss.accumulate(*[torch.tensor([0.5, 0.5])] * 2, 1)
    assert (loss.running_sums - 2**24).tolist() == [[100, 100]] * 2


@pytest.mark.parametrize('labels', ['hard', 'soft'])
def test_counts_of_samples_keep_growing(labels):
    loss = GALALoss(2, count_share=0.5)
    loss.seen.fill_(2.0**24)
    target = torch.tensor([[1.0, 0.0]]) if labels == 'soft' else torch.tensor([0])
    for _ in range(100):
        loss(torch.zeros(1, 2, requires_grad=True), target)
    assert (loss.seen - 2**24).tolist() == [100, 0]


@pytest.mark.parametrize(
    'change',
    [
        lambda loss: copy.deepcopy(loss),
        lambda loss: loss.half(),
        lambda loss: loss.double(),
        lambda loss: (
            loss.load_state_dict(
                {k: v.clone() for k, v in loss.state_dict().items()}, assign=True
            )
            and loss
        ),
    ],
    ids=['copied', 'half', 'double', 'assigned'],
)
def test_buffers_follow_the_sums_after_a_change_of_the_module(change):
    loss = change(train(GALALoss(4)))
    before = loss.pos_grad.clone()
    loss.accumulate(torch.ones(4), torch.full((4,), 2.0), 1)
    torch.testing.assert_close(loss.state_dict()['pos_grad'], before + 1)
    torch.testing.assert_close(loss.state_dict()['neg_grad'], before + 2)


@pytest.mark.parametrize('name', CASES)
def test_no_two_tensors_of_a_state_dict_share_memory(name):
    """Libraries that save by safetensors keep one of several tensors that do."""
    loss = CASES[name].warmed_up()
    state = loss.state_dict()
    places = {t.untyped_storage().data_ptr() for t in state.values()}
    assert len(places) == len(state)
    for tensor in state.values():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes
