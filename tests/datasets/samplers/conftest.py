"""Samplers of several ranks in one process."""

import pytest

from mmgala.datasets.samplers import epoch_sampler


@pytest.fixture
def on_ranks(monkeypatch):
    """Factory: the samplers that all ranks of a world build."""

    def build(world_size, sampler_class, *args, **kwargs):
        samplers = []
        for rank in range(world_size):
            monkeypatch.setattr(
                epoch_sampler, 'get_dist_info', lambda rank=rank: (rank, world_size)
            )
            samplers.append(sampler_class(*args, **kwargs))
        return samplers

    return build
