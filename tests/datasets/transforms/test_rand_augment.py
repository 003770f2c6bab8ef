"""`RandomInterpolation`: MMPretrain's operations with a random interpolation."""

import copy

import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmengine.registry import init_default_scope
from mmpretrain.datasets.transforms import RandAugment, Rotate, Shear, Translate

from mmgala.datasets.transforms import RandomInterpolation

PAD = (10, 20, 30)
OPERATIONS = {
    'Rotate': (Rotate, dict(angle=13.0)),
    'Shear': (Shear, dict(magnitude=0.2, direction='vertical')),
    'Translate': (Translate, dict(magnitude=0.13, direction='horizontal')),
}


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def always(**options):
    """Arguments of an operation that is always applied, in the same direction."""
    return dict(prob=1.0, random_negative_prob=0.0, pad_val=PAD, **options)


@pytest.mark.parametrize('name', OPERATIONS)
def test_each_result_uses_one_of_the_interpolations(image, name):
    operation, options = OPERATIONS[name]
    expected = [
        operation(interpolation=i, **always(**options))(dict(img=image))['img']
        for i in ('bilinear', 'bicubic')
    ]
    assert not np.array_equal(*expected)
    transform = RandomInterpolation(name, **always(**options))

    found = [transform(dict(img=image))['img'] for _ in range(1000)]

    counts = [sum(np.array_equal(f, e) for f in found) for e in expected]
    assert sum(counts) == 1000
    assert counts[0] == pytest.approx(500, abs=70)  # 4.4 standard deviations


def test_interpolations_are_an_option(image):
    rotate = dict(always(angle=13.0))
    expected = Rotate(interpolation='nearest', **rotate)(dict(img=image))['img']
    transform = RandomInterpolation('Rotate', interpolations=['nearest'], **rotate)

    for _ in range(20):
        np.testing.assert_array_equal(transform(dict(img=image))['img'], expected)


def test_randaugment_passes_its_hparams_on(image):
    policy = dict(
        type='mmgala.RandomInterpolation',
        operation='Translate',
        direction='horizontal',
        magnitude_range=(0, 0.5),
        random_negative_prob=0.0,
        prob=1.0,
    )
    augment = RandAugment(
        [policy], num_policies=1, magnitude_level=10,
        hparams=dict(pad_val=list(PAD), interpolations=['nearest']),
    )  # fmt: skip

    found = augment(dict(img=image))['img']

    np.testing.assert_array_equal(found[:, 18:], image[:, :18])
    assert (found[:, :18] == PAD).all()


def test_several_images_can_share_random_parameters(image):
    """Wrappers of mmcv that apply a transform to several images rely on this."""
    transform = RandomInterpolation(
        'Rotate', magnitude_range=(0, 30), magnitude_std=3.0
    )

    for _ in range(20):
        with cache_random_params(transform):
            found = [transform(dict(img=image))['img'] for _ in range(2)]
        np.testing.assert_array_equal(*found)


def test_transforms_can_be_copied(image):
    transform = RandomInterpolation(
        'Rotate', interpolations=['bicubic'], **always(angle=13.0)
    )
    np.testing.assert_array_equal(
        copy.deepcopy(transform)(dict(img=image))['img'],
        transform(dict(img=image))['img'],
    )


@pytest.mark.parametrize('operation', ['Invert', 'rotate', None])
def test_unknown_operation_is_refused(operation):
    message = (
        r"`operation` to be one of \('Rotate', 'Shear', 'Translate'\), but got "
        f'{operation!r}'
    )
    with pytest.raises(ValueError, match=message):
        RandomInterpolation(operation, angle=13.0)


@pytest.mark.parametrize('interpolations', [[], ['bilinear', 'cubic']])
def test_unknown_interpolation_is_refused(interpolations):
    message = r"`interpolations` to be one or more of \('nearest', .*, but got \["
    with pytest.raises(ValueError, match=message):
        RandomInterpolation('Rotate', interpolations=interpolations, angle=13.0)


def test_repr_names_the_interpolations():
    found = repr(RandomInterpolation('Rotate', angle=13.0))

    assert found.startswith('RandomInterpolation([Rotate(angle=13.0, ')
    assert found.index('interpolation=bilinear') < found.index('interpolation=bicubic')
