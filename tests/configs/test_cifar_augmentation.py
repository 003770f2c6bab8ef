"""What the built pipeline of CIFAR-LT does to images."""

import numpy as np
import pytest
from mmpretrain.structures import DataSample

from mmgala.datasets.transforms import CIFARAutoAugment, Cutout
from tests.configs.pipelines import RUNS, apply, count_flips, halves, names


@pytest.fixture
def pipeline(cifar):
    return cifar.train_dataloader.dataset.dataset.pipeline


@pytest.fixture
def steps(pipeline):
    return pipeline.transforms


def test_steps(pipeline):
    assert names(pipeline) == [
        'NumpyToPIL', 'RandomCrop', 'RandomHorizontalFlip',
        'CIFARAutoAugment', 'PILToNumpy', 'Cutout', 'PackInputs',
    ]  # fmt: skip


def test_images_keep_their_size_and_vary(steps):
    image = np.random.randint(0, 256, (32, 32, 3), dtype=np.uint8)

    found = [apply(steps, image) for _ in range(20)]

    assert {out.shape for out in found} == {(3, 32, 32)}
    assert len({out.tobytes() for out in found}) == 20


def test_crops_are_shifted_by_up_to_four_pixels_into_black(steps):
    image = np.full((32, 32, 3), 100, dtype=np.uint8)
    image[16, 16] = 255

    found = [apply(steps[:2], image)[..., 0] for _ in range(RUNS)]

    places = [np.argwhere(out == 255)[0] for out in found]
    for axis in (0, 1):
        assert {int(place[axis]) for place in places} == set(range(12, 21))
    for (row, _), out in zip(places, found, strict=True):
        assert (out == 0).all(axis=1).sum() == abs(row - 16)


def test_half_of_the_images_are_flipped(steps):
    flips = count_flips([steps[0], steps[2]], halves(32))

    assert abs(flips - RUNS / 2) < 30


def test_autoaugment_and_cutout_are_those_of_the_published_code(steps):
    assert type(steps[3]) is CIFARAutoAugment
    assert steps[3].fill == 128
    assert type(steps[5]) is Cutout
    assert (steps[5].size, steps[5].fill) == (16, 0)


def test_images_stay_rgb_and_are_normalised(cifar):
    colour = np.array([200, 100, 50])  # as stored: red, green, blue
    image = np.full((32, 32, 3), colour, dtype=np.uint8)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)

    dataset = cifar.val_dataloader.dataset
    packed = dataset.pipeline(dict(img=image, gt_label=0))
    data = dict(inputs=[packed['inputs']], data_samples=[DataSample()])
    found = cifar.model.data_preprocessor(data)['inputs']

    expected = (colour / 255 - mean) / std
    np.testing.assert_allclose(found[0, :, 5, 5], expected, rtol=1e-4)
    assert found.shape == (1, 3, 32, 32)


def test_autoaugment_sees_rgb(steps):
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[..., 0] = 255

    pil = steps[0](dict(img=image))['img']

    assert pil.getpixel((0, 0)) == (255, 0, 0)
    np.testing.assert_array_equal(steps[4](dict(img=pil))['img'], image)
