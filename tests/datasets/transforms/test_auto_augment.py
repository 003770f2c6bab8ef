"""AutoAugment for CIFAR against measurements of the published code."""

import itertools
import math

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmgala.datasets.transforms import CIFARAutoAugment
from mmgala.datasets.transforms.auto_augment import CIFAR_POLICY, magnitude

DRAWS = 20_000
SIDE = 32
GEOMETRIC = ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')


@pytest.fixture
def noise():
    pixels = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def apply(image, operation, level, fill=128):
    """An operation alone, without the policy."""
    transform = CIFARAutoAugment(fill)
    return np.asarray(transform._apply(image, operation, magnitude(operation, level)))


def dot(row, column):
    """White pixel on black."""
    pixels = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    pixels[row, column] = 255
    return Image.fromarray(pixels)


def moved(grey, operation, level, sign):
    """Which pixels are grey after a geometric operation, by its definition."""
    row, column = np.indices((SIDE, SIDE)) + 0.5
    if operation == 'Rotate':
        angle, centre = math.radians(level / 9 * 30), SIDE / 2
        x, y = column - centre, row - centre
        column = x * math.cos(angle) - y * math.sin(angle) + centre
        row = x * math.sin(angle) + y * math.cos(angle) + centre
    elif operation == 'ShearY':
        row = row + sign * level / 9 * 0.3 * column
    elif operation == 'TranslateX':
        column = column + sign * level / 9 * 150 / 331 * SIDE
    else:
        row = row + sign * level / 9 * 150 / 331 * SIDE
    inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    return ~inside | grey[row.astype(int) % SIDE, column.astype(int) % SIDE]


def grey_share_of(policy):
    """Expected share of grey pixels, over random signs and applied steps."""
    geometric = [step for step in policy if step[0] in GEOMETRIC]
    share = 0.0
    for taken in itertools.product((True, False), repeat=len(geometric)):
        for signs in itertools.product((-1, 1), repeat=len(geometric)):
            grey = np.zeros((SIDE, SIDE), dtype=bool)
            chance = 0.5 ** len(geometric)
            for take, sign, step in zip(taken, signs, geometric, strict=True):
                operation, probability, level = step
                chance *= probability if take else 1 - probability
                grey = moved(grey, operation, level, sign) if take else grey
            share += chance * grey.mean()
    return share


@pytest.mark.slow
def test_grey_share(noise):
    np.random.seed(0)
    pixels = np.array(noise)
    pixels[0, 0], pixels[0, 1] = 0, 255  # AutoContrast has nothing to stretch
    image = Image.fromarray(pixels)
    transform = CIFARAutoAugment()

    found = [np.asarray(transform({'img': image})['img']) for _ in range(DRAWS)]

    # 7.0 %. On photographs AutoContrast moves some of the grey, 5.8 % remain; the
    # authors' code has 6.3 %. torchvision's has none, and 6.6 % of black.
    expected = np.mean([grey_share_of(policy) for policy in CIFAR_POLICY])
    grey = np.mean([(image == 128).all(axis=-1).mean() for image in found])
    black = np.mean([(image == 0).all(axis=-1).mean() for image in found])
    assert grey == pytest.approx(expected, abs=0.003)
    assert expected == pytest.approx(0.070, abs=0.002)
    assert black < 0.005


def test_sub_policies_are_drawn_uniformly():
    np.random.seed(0)
    transform = CIFARAutoAugment()
    drawn = []
    transform._apply = lambda image, operation, value: drawn.append(operation) or image
    image = dot(0, 0)

    for _ in range(DRAWS):
        transform({'img': image})

    assert len(CIFAR_POLICY) == 25
    for operation in {name for policy in CIFAR_POLICY for name, _, _ in policy}:
        expected = sum(p for policy in CIFAR_POLICY for name, p, _ in policy
                       if name == operation) / 25  # fmt: skip
        found = drawn.count(operation) / DRAWS
        assert found == pytest.approx(expected, abs=5 * math.sqrt(expected / DRAWS))


def test_strengths():
    levels = range(10)
    assert [magnitude('Posterize', i) for i in levels] == [8, 8, 7, 7, 6, 6, 5, 5, 4, 4]
    assert magnitude('Solarize', 0) == 256
    assert magnitude('Solarize', 9) == 0
    assert magnitude('Rotate', 2) == pytest.approx(6.667, abs=1e-3)
    assert magnitude('ShearY', 8) == pytest.approx(0.2667, abs=1e-4)
    assert magnitude('TranslateX', 9) == pytest.approx(0.4532, abs=1e-4)
    assert magnitude('Color', 9) == pytest.approx(0.9)
    assert magnitude('Equalize', None) == 0


def test_rotation_has_one_direction_and_grey_corners():
    # 30 degrees counter-clockwise take what is to the right of the centre upwards.
    places = set()
    for _ in range(50):
        out = apply(dot(16, 26), 'Rotate', 9)
        assert (out[0, 0] == 128).all()
        places.add(tuple(np.argwhere(out[..., 0] == 255)[0]))
    ((row, column),) = places
    assert row == pytest.approx(16 - 10 * math.sin(math.pi / 6), abs=1)
    assert column == pytest.approx(16 + 10 * math.cos(math.pi / 6), abs=1)


@pytest.mark.parametrize(('operation', 'axis'), [('TranslateX', 1), ('TranslateY', 0)])
def test_shifts_have_both_signs_and_are_filled_with_grey(operation, axis):
    found = set()
    for _ in range(50):
        out = apply(dot(16, 16), operation, 3)  # 150 / 331 / 3 of 32: 4.83 pixels
        (place,) = np.argwhere(out[..., 0] == 255)
        shift = int(place[axis]) - 16
        edge = out.take(0 if shift > 0 else -1, axis=axis)
        assert (edge == 128).all()
        assert (out == 128).all(axis=-1).sum() == SIDE * abs(shift)
        found.add(shift)
    assert found == {-5, 5}


def test_shears_are_bicubic(noise):
    # Bicubic weights give values that nearest-neighbour sampling does not.
    flat = Image.fromarray((np.indices((SIDE, SIDE)).sum(0) % 2 * 255).astype(np.uint8))
    for operation in ('ShearX', 'ShearY'):
        values = set(np.unique(apply(flat.convert('RGB'), operation, 5)))
        assert len(values - {0, 128, 255}) > 10


def test_solarize_starts_from_256():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))

    found = apply(ramp.convert('RGB'), 'Solarize', 2)[..., 0].ravel()

    # 256 * 7 / 9 = 199.1: grey levels up to 199 stay, 200 and more are inverted.
    grey = np.arange(256)
    np.testing.assert_array_equal(found, np.where(grey <= 199, grey, 255 - grey))
    unchanged = apply(ramp.convert('RGB'), 'Solarize', 0)[..., 0].ravel()
    np.testing.assert_array_equal(unchanged, grey)  # torchvision inverts 255


@pytest.mark.parametrize('operation', ['Color', 'Contrast', 'Brightness', 'Sharpness'])
def test_enhancements_have_both_signs(noise, operation):
    found = {apply(noise, operation, 9).tobytes() for _ in range(50)}

    assert len(found) == 2


def test_brightness_is_a_factor():
    image = Image.new('RGB', (4, 4), (100, 50, 10))
    found = {tuple(apply(image, 'Brightness', 5)[0, 0]) for _ in range(50)}
    assert found == {(150, 75, 15), (50, 25, 5)}  # 1 + 0.5 and 1 - 0.5


@pytest.mark.parametrize(
    ('operation', 'reference'),
    [
        ('AutoContrast', ImageOps.autocontrast),
        ('Equalize', ImageOps.equalize),
        ('Invert', ImageOps.invert),
    ],
)
def test_operations_without_level(noise, operation, reference):
    dark = noise.point(lambda value: value // 2)
    np.testing.assert_array_equal(
        apply(dark, operation, None), np.asarray(reference(dark))
    )


def test_draws_depend_on_the_seed(noise):
    def augmented(seed):
        np.random.seed(seed)
        transform = CIFARAutoAugment()
        images = [transform({'img': noise})['img'] for _ in range(20)]
        return b''.join(image.tobytes() for image in images)

    assert augmented(1) == augmented(1) != augmented(2)


def test_arrays_are_refused(noise):
    with pytest.raises(TypeError, match='a PIL image, but got ndarray: put NumpyToPIL'):
        CIFARAutoAugment()({'img': np.asarray(noise)})
