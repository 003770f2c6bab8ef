"""Samplers at the size of iNaturalist 2018: 437,513 samples, 8,142 classes."""

import json
import time

import numpy as np
import pytest

from mmgala.datasets import ClassAwareSampler, ClassBalancedSampler
from tests.datasets.samplers.chi_square import Labelled


@pytest.fixture(scope='module')
def inaturalist(shared_dir):
    counts = json.loads((shared_dir / 'data' / 'iNaturalist18.json').read_text())
    assert (len(counts), sum(counts)) == (8142, 437513)
    return Labelled(counts)


@pytest.mark.parametrize(
    ('sampler_class', 'settings', 'spread'),
    [
        (ClassAwareSampler, dict(num_samples_per_class=4), 4),
        (ClassBalancedSampler, dict(mode='class'), 1),
        (ClassBalancedSampler, dict(mode='instance'), 998),
        (ClassBalancedSampler, dict(mode='progressive', num_epochs=9), 998),
        (ClassBalancedSampler, dict(mode='sqrt'), None),
    ],
    ids=str,
)
def test_sampler_of_a_large_set_is_fast(inaturalist, sampler_class, settings, spread):
    start = time.process_time()
    sampler = sampler_class(inaturalist, seed=0, **settings)
    built = time.process_time()
    indices = np.array(list(sampler))
    drawn = time.process_time()

    assert built - start < 1
    assert drawn - built < 2
    counts = np.bincount(inaturalist.labels[indices], minlength=8142)
    assert counts.sum() == 437513
    assert spread is None or np.ptp(counts) == spread
