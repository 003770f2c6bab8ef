"""Sums of gradients over a long period."""

import torch

from mmgala.engine.gradient_recording.recorded_losses import GradientAccumulator
from mmgala.functional import ShotThresholds


def accumulator():
    return GradientAccumulator(
        torch.tensor([9, 1]), ShotThresholds(), max_bins=0, device=torch.device('cpu')
    )


def add_sample(sums):
    sums.add(torch.tensor([[-0.5, 0.5]]), torch.tensor([0]))
    sums.finish_step()


def test_sums_of_a_long_period_keep_growing():
    sums = accumulator()
    sums._current.flat.fill_(2.0**24)
    for _ in range(101):
        add_sample(sums)
    period, total = sums.finish_period()
    for found in (period, total):
        assert (found.samples - 2**24).tolist() == [101, 0]
        assert (found.pos_grad - 2**24).tolist() == [50.5, 0]
        assert (found.neg_grad - 2**24).tolist() == [0, 50.5]


def test_restored_sums_continue_bit_for_bit():
    whole = accumulator()
    whole._current.flat.fill_(2.0**24)
    for _ in range(3):
        add_sample(whole)
    resumed = accumulator()
    assert resumed.load_state_dict(whole.state_dict())
    add_sample(whole)
    add_sample(resumed)
    assert torch.equal(whole.state_dict()['current'], resumed.state_dict()['current'])
    assert whole.state_dict()['current'][0] == 2**24 + 2
