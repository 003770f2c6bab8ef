"""Official class counts in the package."""

import json

import pytest

from mmgala.datasets import official_class_counts
from mmgala.functional import shot_groups

# Classes, images, largest and smallest class, many-, medium- and few-shot classes.
SETS = {
    'imagenet-lt': ('ImageNet_LT', (1000, 115846, 1280, 5), (385, 479, 136)),
    'places-lt': ('Places_LT', (365, 62500, 4980, 5), (131, 163, 71)),
    'inaturalist2018': ('iNaturalist18', (8142, 437513, 1000, 2), (842, 4076, 3224)),
}


@pytest.mark.parametrize('name', SETS)
def test_counts_match_the_recorded_ones(shared_dir, name):
    recorded = json.loads((shared_dir / f'data/{SETS[name][0]}.json').read_text())

    assert official_class_counts(name) == recorded


@pytest.mark.parametrize('name', SETS)
def test_counts_match_the_published_ones(name):
    counts = official_class_counts(name)

    _, published, groups = SETS[name]
    assert (len(counts), sum(counts), max(counts), min(counts)) == published
    assert tuple(map(len, shot_groups(counts))) == groups


@pytest.mark.parametrize('name', ['cifar100-lt', '../class_counts/places-lt', ''])
def test_unknown_names_are_refused_with_the_available_ones(name):
    with pytest.raises(ValueError, match=r"one of \('imagenet-lt', 'places-lt', 'inat"):
        official_class_counts(name)
