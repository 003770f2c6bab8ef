"""Losses with class counts: missing, late and invalid counts, and absent classes."""

import pytest
import torch
from torch.testing import assert_close

from tests.losses.battery import batch, gradient, refused, state
from tests.losses.loss_cases import CASES, COUNTS, names, seeded


@pytest.mark.parametrize('name', names(lambda c: c.counted))
class TestClassCounts:
    def test_unknown_counts_are_told_in_one_line(self, name):
        message = r"needs the class counts .* add custom_hooks=\[dict\(type='mmgala.Cl"
        refused(CASES[name].build(counts=None), message, *batch())

    @pytest.mark.parametrize('given', [list, torch.tensor])
    def test_counts_may_come_later(self, name, given):
        loss_module = CASES[name].build(counts=None)
        loss_module.set_class_counts(given(COUNTS))
        assert_close(state(loss_module), state(CASES[name].build()), rtol=0, atol=0)

    @pytest.mark.parametrize(
        ('counts', 'message'),
        [
            ([1, 2], r'to hold 6 values.*got shape \(2,\)'),
            ([0] * 6, 'positive sum, but got 0'),
            ([-1, 1, 1, 1, 1, 1], 'but got -1'),
            ([float('nan'), 1, 1, 1, 1, 1], 'finite and 0 or more, but got nan'),
            ([0.5, 0.1, 0.1, 0.1, 0.1, 0.1], 'to be whole numbers of samples'),
        ],
    )
    def test_invalid_counts_are_refused(self, name, counts, message):
        loss_module = CASES[name].build()
        with pytest.raises(ValueError, match=message):
            loss_module.set_class_counts(counts)
        assert loss_module.class_counts.tolist() == COUNTS

    def test_a_class_without_samples_does_not_touch_the_others(self, name):
        case = CASES[name]
        absent = case.build([500, 300, 0, 100, 60, 40])
        others = case.build([500, 300, 100, 60, 40])
        kept = torch.tensor([0, 1, 3, 4, 5])
        logits, target = batch()  # with samples of the class all the same
        loss = seeded(absent, logits, target)
        assert (target == 2).any()
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient(loss, logits)).all()
        for buffer_name, expected in others.named_buffers():
            buffer = absent.get_buffer(buffer_name)
            assert torch.isfinite(buffer).all()
            assert_close(buffer[kept], expected)
            if buffer_name != 'class_counts':
                assert buffer[2] == buffer[5]  # like the rarest

    def test_counts_beyond_float32_are_kept_exactly(self, name):
        counts = [2**24 + 1, 70_000, 3, 2, 1, 0]
        loss_module = CASES[name].build(counts).half()
        assert loss_module.class_counts.tolist() == counts


@pytest.mark.parametrize('name', names(lambda c: not c.counted))
def test_classes_absent_from_training_give_finite_values(name):
    loss_module = CASES[name].build()
    for _ in range(3):
        logits, target = batch()
        loss = loss_module(logits, target.clamp(max=3))
    assert torch.isfinite(loss)
    loss = loss_module(logits, torch.full_like(target, 5))
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()
