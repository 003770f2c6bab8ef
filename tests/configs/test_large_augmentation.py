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


# What RandAugment fills with, red first.
FILL = {
    'resnext50_imagenet-lt': (124, 116, 104),
    'resnet152_places-lt': (124, 116, 104),
    'resnet50_inaturalist2018': (119, 120, 97),
}
GEOMETRIC = ('Rotate', 'Shear', 'Shear', 'Translate', 'Translate')


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


@pytest.fixture(autouse=True)
def _seed():
    seed(0)


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


def operations_of(decoupled, *wanted):
    """Operations of RandAugment by their names in MMPretrain."""
    (augment,) = steps_of(decoupled.stage2, 'RandAugment', 'RandAugment')
    found = [
        (policy.get('operation', policy['type']), operation)
        for policy, operation in zip(augment.policies, augment, strict=True)
    ]
    assert len(found) == 15
    return [operation for name, operation in found if name in wanted]


def done(operation, image, runs=4000):
    """What an operation makes of an image, where it was not skipped."""
    found = np.array([apply([operation], image) for _ in range(runs)])
    changed = found[(found != image).any(axis=(1, 2, 3))]
    assert abs(len(changed) - runs / 2) < 2.5 * runs**0.5  # 5 standard deviations
    return changed


def test_posterize_keeps_3_bits_in_half_of_the_cases_and_4_in_the_other(decoupled):
    """Level 10 in half of the draws is 4 bits, and any level below is rounded down."""
    image = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3)
    (posterize,) = operations_of(decoupled, 'mmgala.FlooredPosterize')

    found = done(posterize, image)

    levels = np.array([len(np.unique(out)) for out in found])
    assert set(levels) == {2**3, 2**4}
    assert (levels == 2**3).mean() == pytest.approx(0.5, abs=0.055)
    # 3 bits change the 256 grey levels by 15.5 on average, 4 bits by 7.5.
    change = np.abs(found.astype(int) - image).mean()
    assert change == pytest.approx((15.5 + 7.5) / 2, abs=0.45)


def test_solarize_inverts_from_a_whole_number(decoupled):
    """Level 10 in half of the draws is threshold 256, which inverts nothing."""
    image = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3)
    (solarize,) = operations_of(decoupled, 'mmgala.FlooredSolarize')

    thresholds = [solarize.random_magnitude() for _ in range(4000)]
    found = [apply([solarize], image) for _ in range(4000)]

    assert set(map(type, thresholds)) == {int}
    assert thresholds.count(256) == pytest.approx(2000, abs=160)
    unchanged = sum(np.array_equal(out, image) for out in found)
    assert unchanged == pytest.approx(3000, abs=140)  # of the others, half are skipped


@pytest.mark.parametrize('position', range(5), ids=GEOMETRIC)
def test_interpolation_is_bilinear_as_often_as_bicubic(decoupled, position):
    """Bicubic alone goes beyond the grey levels of edges."""
    squares = np.kron(np.indices((7, 7)).sum(axis=0) % 2, np.ones((7, 7)))
    image = np.tile((90 + 80 * squares).astype(np.uint8)[..., None], 3)
    operation = operations_of(decoupled, 'Rotate', 'Shear', 'Translate')[position]

    found = done(operation, image, runs=2000).reshape(-1, image.size)

    beyond = (found.min(axis=1) < 90) | (found.max(axis=1) > 170)
    assert beyond.mean() == pytest.approx(0.5, abs=0.09)


@pytest.mark.parametrize('position', range(5), ids=GEOMETRIC)
def test_what_comes_from_outside_has_the_mean_colour(decoupled, position):
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    operation = operations_of(decoupled, 'Rotate', 'Shear', 'Translate')[position]

    for out in done(operation, image, runs=100):
        colours, counts = np.unique(out.reshape(-1, 3), axis=0, return_counts=True)
        outside = colours[1:][counts[1:].argmax()]  # the first is black
        assert tuple(outside[::-1]) == FILL[decoupled.name]
        assert counts[1:].max() > 100


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
