"""Draws on one rank, in a separate module for child processes."""

from mmgala.datasets import ClassAwareSampler
from tests.datasets.samplers.chi_square import Labelled


def draw_on_rank(rank, world_size, counts, epoch):
    """Seed and indices of a rank whose sampler has no given seed."""
    sampler = ClassAwareSampler(Labelled(counts))
    sampler.set_epoch(epoch)
    return sampler.seed, list(sampler)
