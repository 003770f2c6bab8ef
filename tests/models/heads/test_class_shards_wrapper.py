"""What ranks with different classes cannot train is refused in the first step."""

from types import SimpleNamespace

import pytest

from mmgala.models import ClassShardsDataParallel


def test_a_scaled_loss_is_refused():
    """Each rank would look for overflows in its own classes."""
    wrapper = SimpleNamespace(_clip_over_ranks=lambda _: None)
    scaler = SimpleNamespace(is_enabled=lambda: True)
    with pytest.raises(ValueError, match=r'float16.*mmgala.BFloat16OptimWrapper'):
        ClassShardsDataParallel.train_step(
            wrapper, {}, SimpleNamespace(loss_scaler=scaler)
        )
