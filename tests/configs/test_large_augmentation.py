"""What the built pipelines of the large sets do to images."""

import random

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample

from tests.configs.pipelines import RUNS, apply, count_flips, halves, names

COLOURS = {  # mean and standard deviation, red first
    'resnext50_imagenet-lt': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    'resnet152_places-lt': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    'resnet50_inaturalist2018': ((0.466, 0.471, 0.380), (0.195, 0.194, 0.192)),
}


def pipeline_of(runner):
    return runner.train_dataloader.dataset.pipeline


def steps_of(runner, first, last):
    """Steps from one name to another, both included."""
    pipeline = pipeline_of(runner)
    found = names(pipeline)
    return pipeline.transforms[found.index(first) : found.index(last) + 1]


def test_steps(decoupled):
    basic = ['RandomResizedCrop', 'RandomFlip', 'ColorJitter']
    assert names(pipeline_of(decoupled.stage1)) == [
        'LoadImageFromFile', *basic, 'PackInputs'
    ]  # fmt: skip
    assert names(pipeline_of(decoupled.stage2)) == [
        'LoadImageFromFile', 'NumpyToPIL', 'Pad', 'PILToNumpy', *basic, 'RandAugment',
        'PackInputs',
    ]  # fmt: skip


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def test_images_of_the_training_are_224_pixels_and_follow_the_seed(decoupled):
    for runner in (decoupled.stage1, decoupled.stage2):
        dataset = runner.train_dataloader.dataset
        found = []
        for number in (0, 1, 0):
            seed(number)
            found.append(dataset[0]['inputs'])

        assert {tuple(image.shape) for image in found} == {(3, 224, 224)}
        assert torch.equal(found[0], found[2])
        assert not torch.equal(found[0], found[1])


def test_half_of_the_images_are_flipped(decoupled):
    for runner in (decoupled.stage1, decoupled.stage2):
        flips = count_flips(steps_of(runner, 'RandomFlip', 'RandomFlip'), halves(64))

        assert abs(flips - RUNS / 2) < 30


def test_crops_take_8_to_100_percent_of_the_area(decoupled):
    image = np.zeros((256, 256, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:256, :256]
    for runner in (decoupled.stage1, decoupled.stage2):
        crop = steps_of(runner, 'RandomResizedCrop', 'RandomResizedCrop')
        found = [apply(crop, image) for _ in range(RUNS)]

        corners = np.array([(out[0, 0], out[-1, -1]) for out in found], dtype=float)
        sides = (corners[:, 1] - corners[:, 0])[:, :2] / 255
        area, ratio = sides.prod(axis=1), sides[:, 1] / sides[:, 0]
        assert 0.07 < area.min() < 0.2
        assert 0.8 < area.max() <= 1
        assert 0.7 < ratio.min() < 0.85
        assert 1.2 < ratio.max() < 1.45


def test_colours_vary_by_two_fifths_and_hues_do_not(decoupled):
    image = np.full((4, 4, 3), (60, 100, 140), dtype=np.uint8)
    image[:2] += 20
    for runner in (decoupled.stage1, decoupled.stage2):
        jitter = steps_of(runner, 'ColorJitter', 'ColorJitter')
        assert jitter[0].brightness == jitter[0].contrast == (0.6, 1.4)
        assert jitter[0].saturation == (0.6, 1.4)
        assert jitter[0].hue is None
        found = [apply(jitter, image) for _ in range(RUNS)]

        brightness = np.array([out.mean() for out in found]) / image.mean()
        assert 0.5 < brightness.min() < 0.7
        assert 1.3 < brightness.max() < 1.5
        hues = [cv2.cvtColor(out, cv2.COLOR_BGR2HSV)[0, 0, 0] for out in found]
        assert np.ptp(np.array(hues).astype(int)) <= 3


def test_classifier_images_are_padded_by_reflection(decoupled):
    image = np.random.randint(0, 256, (20, 30, 3), dtype=np.uint8)

    found = apply(steps_of(decoupled.stage2, 'NumpyToPIL', 'PILToNumpy'), image)

    expected = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode='reflect')
    np.testing.assert_array_equal(found, expected)  # channels in order, too


def test_randaugment_for_the_classifier(decoupled):
    (augment,) = steps_of(decoupled.stage2, 'RandAugment', 'RandAugment')
    image = cv2.resize(np.random.randint(0, 256, (8, 8, 3), dtype=np.uint8), (64, 64))

    assert augment.num_policies == 2
    assert augment.magnitude_level == augment.total_level == 10
    assert augment.magnitude_std == 0.5
    assert len(augment.policies) == 15
    found = [apply([augment], image) for _ in range(RUNS)]
    changed = np.mean([(out != image).any() for out in found])
    assert 0.5 < changed < 0.9  # both of two steps, each done in half of the cases
    assert {out.shape for out in found} == {(64, 64, 3)}


@pytest.mark.parametrize('split', ['val', 'test'])
def test_tests_see_the_middle_of_an_image_without_chance(decoupled, split):
    image = np.zeros((512, 1024, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:512, :1024] // 4
    loader = decoupled.stage2.cfg[f'{split}_dataloader']
    steps = decoupled.stage2.build_dataloader(loader).dataset.pipeline.transforms

    found = apply(steps[1:], image)

    assert found.shape == (3, 224, 224)
    # The shorter edge becomes 256: 16 of its pixels are left out on either side.
    assert found[0].min() == pytest.approx(16 * 2 / 4, abs=1)
    assert found[0].max() == pytest.approx(240 * 2 / 4, abs=1)
    assert found[1].min() == pytest.approx((256 - 112) * 2 / 4, abs=1)
    np.testing.assert_array_equal(apply(steps[1:], image), found)


def test_colours_are_normalised_as_rgb(decoupled):
    colour = np.array([200, 100, 50])  # red, green, blue
    image = torch.tensor(colour[::-1].copy(), dtype=torch.uint8)  # as loaded: BGR
    image = image[:, None, None].expand(3, 4, 4)
    data = dict(inputs=[image], data_samples=[DataSample()])

    for runner in (decoupled.stage1, decoupled.stage2):
        found = runner.model.data_preprocessor(data)['inputs'][0, :, 0, 0]

        mean, std = COLOURS[decoupled.name]
        np.testing.assert_allclose(found, (colour / 255 - mean) / std, rtol=1e-3)
