"""Positions of Cutout's holes against the probabilities by its definition."""

import numpy as np
import pytest

from mmgala.datasets.transforms import Cutout

DRAWS = 20_000
SIDE, SIZE = 32, 16


@pytest.fixture(scope='module')
def holes():
    """Mask of the pixels that each draw erases, ``(DRAWS, 32, 32)``."""
    np.random.seed(0)
    image = np.full((SIDE, SIDE, 3), 200, dtype=np.uint8)
    cutout = Cutout(size=SIZE)
    found = [cutout({'img': image})['img'] == 0 for _ in range(DRAWS)]
    return np.stack(found).all(axis=-1)


def erased_by_centre(pixel):
    """Number of centres, of 32, whose interval of 16 pixels contains a pixel."""
    return sum(centre - 8 <= pixel <= centre + 7 for centre in range(SIDE))


def test_each_pixel_is_erased_as_often_as_uniform_centres_imply(holes):
    along = np.array([erased_by_centre(pixel) for pixel in range(SIDE)]) / SIDE
    expected = np.outer(along, along)

    error = np.sqrt(expected * (1 - expected) / DRAWS)
    assert (abs(holes.mean(axis=0) - expected) < 5 * error).all()


def test_numbers_of_the_published_code(holes):
    # Recorded over 20,000 draws of the authors' code.
    assert holes[:, 15, 15].mean() == pytest.approx(0.25, abs=0.01)
    assert holes[:, 12, 12].mean() == pytest.approx(0.26, abs=0.02)
    assert holes[:, 16, 16].mean() == pytest.approx(0.26, abs=0.02)
    assert holes.mean() == pytest.approx(0.192, abs=0.003)
    assert holes.mean() == pytest.approx(49 / 256, abs=0.003)  # (7 / 16) squared


def test_the_hole_is_one_rectangle_cut_off_at_any_border(holes):
    rows, columns = holes.any(axis=2), holes.any(axis=1)
    heights, widths = rows.sum(axis=1), columns.sum(axis=1)

    np.testing.assert_array_equal(holes.sum(axis=(1, 2)), heights * widths)
    for touched, lengths in ((rows, heights), (columns, widths)):
        assert set(lengths) == set(range(8, 17))
        assert (lengths[touched[:, 0]] < 16).any()  # cut off at the first border
        assert (lengths[touched[:, -1]] < 16).any()  # and at the last


def test_fill_and_other_shapes():
    image = np.zeros((4, 40), dtype=np.uint8)

    found = Cutout(size=100, fill=7)({'img': image, 'gt_label': 3})

    assert (found['img'] == 7).all()
    assert (image == 0).all()  # the input is not modified
    assert found['gt_label'] == 3


def test_size_0_is_refused():
    with pytest.raises(ValueError, match='`size` to be 1 or more, but got 0'):
        Cutout(size=0)
