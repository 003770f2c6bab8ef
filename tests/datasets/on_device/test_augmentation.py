"""Supported pipelines, their batched versions, and errors for others."""

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from torchvision.transforms import functional as F

from mmgala.datasets import LongTailedDataset
from mmgala.datasets.on_device import build_augmentation, find_pipeline
from tests.datasets.on_device.pictures import from_batch, noise, pictures, to_batch
from tests.datasets.on_device.sets import PACK, Pictures, cifar_pipeline

TO_PIL, TO_NUMPY = dict(type='NumpyToPIL'), dict(type='PILToNumpy')


def dataset(*steps, images=None, **more):
    images = pictures() if images is None else images
    return Pictures(images, pipeline=[*steps, PACK], **more)


def augmented(*steps, images=None, seed=0):
    """Images after a translated pipeline, and the random choices."""
    images = pictures() if images is None else images
    pipeline = find_pipeline(dataset(*steps, images=images))
    augmentation = build_augmentation(pipeline, images.shape[1:3], images.shape[3])
    draws = augmentation.draw(np.random.default_rng(seed), len(images))
    return from_batch(augmentation(to_batch(images), draws)), draws


@pytest.mark.parametrize(
    ('options', 'padding', 'fill'),
    [
        (dict(size=32, padding=4), (4, 4, 4, 4), 0),
        (dict(size=(20, 24)), (0, 0, 0, 0), 0),
        (dict(size=32, padding=[2, 5], fill=7), (2, 5, 2, 5), 7),
        (dict(size=30, padding=[0, 1, 2, 3]), (0, 1, 2, 3), 0),
        (dict(size=32), (0, 0, 0, 0), 0),
    ],
    ids=str,
)
def test_crop(options, padding, fill):
    images = pictures()
    size = options['size']
    height, width = (size, size) if isinstance(size, int) else size

    found, (places,) = augmented(
        TO_PIL, dict(type='torchvision/RandomCrop', **options), images=images
    )

    padded = F.pad(to_batch(images), list(padding), fill)  # left, top, right, bottom
    for result, image, (top, left) in zip(found, padded, places, strict=True):
        expected = F.crop(image, top, left, height, width)
        np.testing.assert_array_equal(result.transpose(2, 0, 1), expected)


def test_crop_that_is_too_large():
    with pytest.raises(ValueError, match='34 x 34 pixels, but got 40 x 40'):
        augmented(dict(type='torchvision/RandomCrop', size=40, padding=1))


def test_steps_after_a_crop_use_its_size():
    found, (_, centres) = augmented(
        dict(type='torchvision/RandomCrop', size=(10, 20)),
        dict(type='mmgala.Cutout', size=30, fill=9),
        images=np.repeat(pictures(), 40, axis=0),
    )
    assert found.shape[1:] == (10, 20, 3)
    assert (centres.max(axis=0) == (9, 19)).all()
    assert (found == 9).mean() > 0.8


def test_flip():
    images = pictures()
    found, (flips,) = augmented(dict(type='torchvision/RandomHorizontalFlip', p=0.4))
    expected = np.where(flips[:, :, None, None], images[:, :, ::-1], images)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('size', [1, 5, 16, 64])
def test_cutout(size):
    images = pictures()
    found, (centres,) = augmented(dict(type='mmgala.Cutout', size=size, fill=200))
    for result, image, centre in zip(found, images, centres, strict=True):
        expected = image.copy()
        rows, columns = (
            slice(max(0, place - size // 2), place - size // 2 + size)
            for place in centre
        )
        expected[rows, columns] = 200
        np.testing.assert_array_equal(result, expected)


def test_order_of_colours():
    to_rgb = dict(type='NumpyToPIL', to_rgb=True)
    found, _ = augmented(to_rgb, TO_NUMPY)
    np.testing.assert_array_equal(found, pictures()[..., ::-1])
    found, _ = augmented(to_rgb, dict(type='PILToNumpy', to_bgr=True))
    np.testing.assert_array_equal(found, pictures())


def test_without_random_steps_images_are_unchanged():
    found, draws = augmented(TO_PIL, TO_NUMPY)
    np.testing.assert_array_equal(found, pictures())
    assert draws == []


def test_grey_images():
    images = pictures()[..., :1]
    found, (flips,) = augmented(
        dict(type='torchvision/RandomHorizontalFlip'), images=images
    )
    expected = np.where(flips[:, :, None, None], images[:, :, ::-1], images)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match='Expected RGB images for CIFARAutoAugment'):
        augmented(dict(type='mmgala.CIFARAutoAugment'), images=images)


def test_fill_of_autoaugment():
    flat = np.full((500, 32, 32, 3), 128, dtype=np.uint8)
    found, _ = augmented(dict(type='mmgala.CIFARAutoAugment', fill=128), images=flat)
    assert np.ptp(found, axis=(1, 2, 3)).max() == 0
    found, _ = augmented(dict(type='mmgala.CIFARAutoAugment', fill=9), images=flat)
    assert 0.1 < (np.ptp(found, axis=(1, 2, 3)) > 0).mean() < 0.6


REFUSED = {
    'unknown': (dict(type='mmgala.TorchvisionAutoAugment'), 'TorchvisionAutoAugment'),
    'of files': (dict(type='LoadImageFromFile'), 'LoadImageFromFile'),
    'torchvision': (dict(type='torchvision/RandomVerticalFlip'), 'RandomVerticalFlip'),
    'padding mode': (
        dict(type='torchvision/RandomCrop', size=32, padding=4, padding_mode='reflect'),
        'RandomCrop',
    ),
    'pad if needed': (
        dict(type='torchvision/RandomCrop', size=32, pad_if_needed=True),
        'RandomCrop',
    ),
    'colour of padding': (
        dict(type='torchvision/RandomCrop', size=32, padding=1, fill=(1, 2, 3)),
        'RandomCrop',
    ),
    'type of pixels': (dict(type='PILToNumpy', dtype='float32'), 'PILToNumpy'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_unsupported_transforms_are_named(name):
    step, named = REFUSED[name]
    message = (
        r'\(NumpyToPIL, RandomCrop, RandomHorizontalFlip, CIFARAutoAugment, '
        rf'PILToNumpy, Cutout, PackInputs\), but got \w*{named}\(.*by_epoch=True'
    )
    with pytest.raises(ValueError, match=message):
        augmented(TO_PIL, step)


@pytest.mark.parametrize(
    'options', [dict(algorithm_keys=['x']), dict(input_key='y')], ids=str
)
def test_other_packing_transforms_are_refused(options):
    pipeline = find_pipeline(Pictures(pictures(), pipeline=[{**PACK, **options}]))
    with pytest.raises(ValueError, match=r'but got PackInputs\('):
        build_augmentation(pipeline, (32, 32), 3)


@pytest.mark.parametrize('steps', [[], [TO_PIL], [PACK, TO_PIL]], ids=str)
def test_a_pipeline_must_end_with_packing(steps):
    pipeline = find_pipeline(Pictures(pictures(), pipeline=steps))
    with pytest.raises(ValueError, match='PackInputs'):
        build_augmentation(pipeline, (32, 32), 3)


def test_pipelines_of_wrapped_sets(repository):
    steps = cifar_pipeline(repository)
    inner = Pictures(pictures(), pipeline=steps)
    same = Pictures(pictures(), pipeline=steps)
    assert find_pipeline(inner) is inner.pipeline
    wrapped = LongTailedDataset(RepeatDataset(inner, 2), imbalance_factor=1)
    assert find_pipeline(wrapped) is inner.pipeline
    assert find_pipeline(ConcatDataset([inner, same])) is inner.pipeline


@pytest.mark.parametrize(
    ('step', 'change'),
    [
        (dict(type='mmgala.Cutout'), dict(size=8)),
        (dict(type='torchvision/RandomCrop', size=32, padding=1), dict(fill=3)),
        (dict(type='torchvision/RandomHorizontalFlip'), dict(type='mmgala.Cutout')),
    ],
    ids=str,
)
def test_several_pipelines_are_refused(step, change):
    parts = ConcatDataset([dataset(step), dataset({**step, **change})])
    message = 'parts of ConcatDataset have .* ordinary loop'
    if 'type' in change:
        parts = ConcatDataset([dataset(step), dataset(change)])
    with pytest.raises(ValueError, match=message):
        find_pipeline(parts)


class OwnWay(Pictures):
    """Processes samples after the pipeline."""

    def prepare_data(self, idx):
        return super().prepare_data(idx)


@pytest.mark.parametrize(
    ('other', 'message'),
    [
        (OwnWay(noise()), 'OwnWay overrides `prepare_data`: train with the ordinary'),
        (torch.utils.data.TensorDataset(), 'TensorDataset has no `pipeline`'),
        ([], 'list has no `pipeline`'),
    ],
    ids=['own way', 'tensors', 'list'],
)
def test_other_kinds_of_data_sets_are_refused(other, message):
    with pytest.raises(TypeError, match=message):
        find_pipeline(other)
