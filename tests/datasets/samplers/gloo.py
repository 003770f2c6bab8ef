"""What the ranks of a test draw; in a module of its own, for their processes."""

from mmgala.datasets import ClassAwareSampler
from tests.datasets.samplers.chi_square import Labelled


def draw_on_rank(rank, world_size, counts, epoch):
    """Seed and indices of a rank that was given no seed."""
    sampler = ClassAwareSampler(Labelled(counts))
    sampler.set_epoch(epoch)
    return sampler.seed, list(sampler)
