"""`FlooredPosterize` and `FlooredSolarize` against Pillow with timm's ``int()``."""

import numpy as np
import pytest
from mmpretrain.datasets.transforms import Posterize
from PIL import Image, ImageOps

from mmgala.datasets.transforms import FlooredPosterize, FlooredSolarize

# Each grey level once, in each channel.
LEVELS = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3)


def apply(transform, level, largest, **options):
    step = transform(
        magnitude_level=level, magnitude_range=(0, largest), prob=1.0, **options
    )
    return step(dict(img=LEVELS))['img']


@pytest.mark.parametrize('level', [10, 9.999, 9.6, 7.5, 7.4, 5, 2.6])
def test_bits_are_rounded_down(level):
    expected = ImageOps.posterize(Image.fromarray(LEVELS), int(level / 10 * 4))

    found = apply(FlooredPosterize, level, 4)

    np.testing.assert_array_equal(found, expected)
    # MMPretrain's rounds up, which is the same only for whole numbers.
    rounded_up = apply(Posterize, level, 4)
    assert np.array_equal(rounded_up, expected) == (level / 10 * 4).is_integer()


@pytest.mark.parametrize('level', [10, 9.999, 9.6, 5, 4.99, 0])
def test_threshold_is_rounded_down(level):
    threshold = int(level / 10 * 256)
    expected = ImageOps.solarize(Image.fromarray(LEVELS), threshold)

    found = apply(FlooredSolarize, level, 256)

    np.testing.assert_array_equal(found, expected)


def test_fixed_values_stay_as_they_are():
    found = FlooredPosterize(bits=3, prob=1.0)(dict(img=LEVELS))['img']
    np.testing.assert_array_equal(found, LEVELS // 32 * 32)

    found = FlooredSolarize(thr=99.5, prob=1.0)(dict(img=LEVELS))['img']
    np.testing.assert_array_equal(found, np.where(LEVELS < 99.5, LEVELS, 255 - LEVELS))
