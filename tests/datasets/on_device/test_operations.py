"""Batched operations equal PIL's, for all levels and signs."""

import numpy as np
import pytest
import torch

from mmgala.datasets.on_device.auto_augment import NO_OPERATION, BatchedOperations
from mmgala.datasets.transforms.auto_augment import CIFAR_POLICY
from tests.datasets.on_device.pictures import from_batch, pictures, to_batch
from tests.datasets.on_device.pil_operations import OPERATIONS, all_variants, by_pil

ROUNDED = ('Color', 'Contrast', 'Brightness', 'Sharpness', 'ShearX', 'ShearY')
SIZES = [(32, 32), (7, 12), (2, 1)]


def on_device(variants, size, images, which):
    operations = BatchedOperations(variants, size, fill=128)
    return from_batch(operations(to_batch(images), np.asarray(which)))


def test_the_policy_has_no_other_operations():
    assert {name for steps in CIFAR_POLICY for name, *_ in steps} <= set(OPERATIONS)


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('name', OPERATIONS)
def test_pixels_equal_those_of_pil(name, size):
    variants, images = all_variants(name), pictures(size)
    which = np.repeat(np.arange(len(variants)), len(images))

    repeated = np.tile(images, (len(variants), 1, 1, 1))
    found = on_device(variants, size, repeated, which)

    each = zip(which, repeated, strict=True)
    expected = np.stack([by_pil(variants[number], image) for number, image in each])
    difference = np.abs(found.astype(int) - expected)
    if name in ROUNDED:
        # Fused multiply-add rounds some pixels differently.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3
    else:
        assert difference.max() == 0
    if size == (32, 32):
        assert (expected != repeated).any()


def test_each_image_gets_its_own_operation():
    variants = [variant for name in OPERATIONS for variant in all_variants(name)[-1:]]
    images = pictures()
    rng = np.random.default_rng(0)
    which = rng.integers(NO_OPERATION, len(variants), size=len(images) * 20)
    repeated = np.tile(images, (20, 1, 1, 1))

    found = on_device(variants, (32, 32), repeated, which)

    for result, image, number in zip(found, repeated, which, strict=True):
        unchanged = number == NO_OPERATION
        expected = image if unchanged else by_pil(variants[number], image)
        assert np.abs(result.astype(int) - expected).max() <= 1
    assert set(which) == set(range(NO_OPERATION, len(variants)))


def test_no_operation_changes_nothing():
    images = pictures()
    found = on_device(
        all_variants('Invert'), (32, 32), images, [NO_OPERATION] * len(images)
    )
    np.testing.assert_array_equal(found, images)


def test_empty_batch():
    operations = BatchedOperations(all_variants('Rotate'), (32, 32), fill=128)
    empty = torch.empty(0, 3, 32, 32, dtype=torch.uint8)
    assert operations(empty, np.empty(0, dtype=np.int64)).shape == (0, 3, 32, 32)


@pytest.mark.parametrize('name', ['TranslateX', 'Rotate', 'ShearY'])
def test_fill(name):
    variants = all_variants(name)[-1:]
    images = np.full((1, 32, 32, 3), 5, dtype=np.uint8)
    operations = BatchedOperations(variants, (32, 32), fill=9)
    found = from_batch(operations(to_batch(images), np.zeros(1, dtype=np.int64)))
    outside = (by_pil(variants[0], images[0]) == 128).all(axis=-1)
    np.testing.assert_array_equal((found[0] == 9).all(axis=-1), outside)
    assert 0 < outside.sum() < outside.size
