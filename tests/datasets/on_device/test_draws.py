"""Random choices have the probabilities of the ordinary transforms."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from mmgala.datasets.on_device.auto_augment import (
    NO_OPERATION,
    STEP_VARIANTS,
    BatchedCIFARAutoAugment,
)
from mmgala.datasets.on_device.transforms import (
    BatchedCutout,
    BatchedHorizontalFlip,
    BatchedRandomCrop,
)
from mmgala.datasets.transforms.auto_augment import CIFAR_POLICY, SIGNED, magnitude
from tests.datasets.on_device.pictures import to_batch

SIZE = (32, 32)
DRAWS = 20_000
UNLIKELY = 1e-5  # probability of failing for a correct draw, per seed


def draw(step, seed=0, count=DRAWS):
    return step.draw(np.random.default_rng(seed), count)


def assert_share(hits, probability, count=DRAWS):
    """Assert that a number of hits is within bounds of the binomial distribution."""
    low, high = binom.interval(1 - UNLIKELY, count, probability)
    assert low <= hits <= high, f'{hits} of {count} for {probability}'


def outcomes(step):
    """Outcomes of a step of a sub-policy, with their probabilities."""
    name, probability, level = step
    value = magnitude(name, level)
    result = Counter({None: 1 - probability})
    for sign in (-1, 1):
        signed = sign * value if name in SIGNED else value
        result[name, signed] += probability / 2
    return result


@pytest.fixture(scope='module')
def expected_pairs():
    """Probability of each pair of operations."""
    pairs = Counter()
    for first, second in CIFAR_POLICY:
        both = product(outcomes(first).items(), outcomes(second).items())
        for (one, p), (two, q) in both:
            pairs[one, two] += p * q / len(CIFAR_POLICY)
    return {pair: p for pair, p in pairs.items() if p > 0}


@pytest.fixture(scope='module')
def drawn_pairs():
    """How often each pair of operations was drawn."""
    draws = draw(BatchedCIFARAutoAugment(SIZE))
    named = [
        [None if v == NO_OPERATION else STEP_VARIANTS[v] for v in pair]
        for pair in draws
    ]
    return Counter(map(tuple, named))


def test_pairs_of_operations(expected_pairs, drawn_pairs):
    assert sum(expected_pairs.values()) == pytest.approx(1)
    assert set(drawn_pairs) <= set(expected_pairs)
    for pair, probability in expected_pairs.items():
        assert_share(drawn_pairs[pair], probability)
    found = [drawn_pairs[pair] for pair in expected_pairs]
    expected = [DRAWS * p for p in expected_pairs.values()]
    assert chisquare(found, expected).pvalue > UNLIKELY


@pytest.mark.parametrize('place', [0, 1])
def test_signs_and_probabilities_of_each_operation(expected_pairs, drawn_pairs, place):
    for variant in {pair[place] for pair in expected_pairs}:
        probability = sum(
            p for pair, p in expected_pairs.items() if pair[place] == variant
        )
        hits = sum(n for pair, n in drawn_pairs.items() if pair[place] == variant)
        assert_share(hits, probability)


def test_crops():
    step = BatchedRandomCrop(SIZE, SIZE, (4, 4, 4, 4))
    pairs = Counter(map(tuple, draw(step)))
    assert set(pairs) == set(product(range(9), repeat=2))
    assert chisquare(list(pairs.values())).pvalue > UNLIKELY


def test_crops_of_unequal_sides():
    step = BatchedRandomCrop((10, 20), (9, 20), (1, 0, 2, 0))
    pairs = Counter(map(tuple, draw(step)))
    assert set(pairs) == set(product(range(2), range(4)))
    assert chisquare(list(pairs.values())).pvalue > UNLIKELY


@pytest.mark.parametrize('probability', [0, 0.3, 0.5, 1])
def test_flips(probability):
    flips = draw(BatchedHorizontalFlip(SIZE, probability))
    assert set(flips.ravel()) <= {0, 1}
    assert_share(flips.sum(), probability)


@pytest.fixture(scope='module')
def erased():
    """Mask of erased pixels in many images, ``(DRAWS, 32, 32)`` bool."""
    step = BatchedCutout(SIZE, hole=16)
    white = to_batch(np.full((DRAWS, *SIZE, 1), 255, dtype=np.uint8))
    return (step(white, draw(step)) == 0)[:, 0].numpy()


def test_cutout_erases_pixels_as_often_as_in_the_published_code(erased):
    # Pixel (r, c) is erased by centres from r - 7 to r + 8, within the image.
    centres = [min(31, place + 8) - max(0, place - 7) + 1 for place in range(32)]
    expected = np.outer(centres, centres) / 32**2
    assert expected[15, 15] == 0.25
    assert expected.mean() == pytest.approx(0.192, abs=1e-3)
    for place in product(range(32), repeat=2):
        assert_share(erased[:, place[0], place[1]].sum(), expected[place])
    mean, deviation = erased.mean(axis=(1, 2)).mean(), erased.mean(axis=(1, 2)).std()
    assert abs(mean - expected.mean()) < 4.5 * deviation / DRAWS**0.5


def test_cutout_erases_one_rectangle(erased):
    rows, columns = erased.any(axis=2), erased.any(axis=1)
    sizes = set(zip(rows.sum(axis=1), columns.sum(axis=1), strict=True))
    assert sizes == set(product(range(8, 17), repeat=2))
    np.testing.assert_array_equal(erased, rows[:, :, None] & columns[:, None])


STEPS = {
    'crop': BatchedRandomCrop(SIZE, SIZE, (4, 4, 4, 4)),
    'flip': BatchedHorizontalFlip(SIZE),
    'AutoAugment': BatchedCIFARAutoAugment(SIZE),
    'Cutout': BatchedCutout(SIZE),
}


@pytest.mark.parametrize('name', STEPS)
def test_draws_depend_on_the_seed(name):
    first, again, other = (draw(STEPS[name], seed, 100) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
