"""The CIFAR pipeline gives the same images on a device as in a data loader."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ks_2samp

from mmgala.datasets.on_device import build_augmentation, find_pipeline
from mmgala.datasets.on_device.auto_augment import NO_OPERATION, STEP_VARIANTS
from tests.datasets.on_device.pictures import from_batch, photograph, pictures, to_batch
from tests.datasets.on_device.pil_operations import by_pil
from tests.datasets.on_device.sets import Pictures, cifar_pipeline

ON_DEVICE, BY_LOADER = 8_000, 3_000


@pytest.fixture(scope='module')
def pipeline(repository):
    dataset = Pictures(pictures(), pipeline=cifar_pipeline(repository))
    return find_pipeline(dataset)


@pytest.fixture(scope='module')
def augmentation(pipeline):
    return build_augmentation(pipeline, (32, 32), 3)


def step_by_step(image, crop, flip, operations, centre):
    """The pipeline for given choices, with PIL and NumPy alone."""
    padded = Image.new('RGB', (40, 40))
    padded.paste(Image.fromarray(image), (4, 4))
    top, left = (int(place) for place in crop)
    pil = padded.crop((left, top, left + 32, top + 32))
    if flip:
        pil = pil.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = np.array(pil)
    for number in operations:
        if number != NO_OPERATION:
            image = by_pil(STEP_VARIANTS[number], image).copy()
    row, column = centre
    image[max(0, row - 8) : row + 8, max(0, column - 8) : column + 8] = 0
    return image


def test_same_choices_give_the_same_pixels(augmentation):
    images = np.concatenate([pictures()] * 30)
    draws = augmentation.draw(np.random.default_rng(0), len(images))

    found = from_batch(augmentation(to_batch(images), draws))

    unequal = 0
    for result, image, crop, flip, operations, centre in zip(
        found, images, *draws, strict=True
    ):
        expected = step_by_step(image, crop, flip[0], operations, centre)
        unequal += (result != expected).any()
    # Fused multiply-add rounds some pixels differently.
    assert unequal <= len(images) / 100


@pytest.fixture(scope='module')
def both_ways(pipeline, augmentation):
    """One image, augmented many times on the device and by the loader's pipeline."""
    image = photograph()
    image[image == 128] = 127
    repeated = np.broadcast_to(image, (ON_DEVICE, *image.shape)).copy()
    draws = augmentation.draw(np.random.default_rng(0), ON_DEVICE)
    ours = augmentation(to_batch(repeated), draws).numpy()
    np.random.seed(0)
    torch.manual_seed(0)
    loaded = [
        pipeline(dict(img=image, gt_label=0))['inputs'].numpy()
        for _ in range(BY_LOADER)
    ]
    return ours, np.stack(loaded)


def test_mean_of_each_pixel(both_ways):
    ours, loaded = (images.astype(np.float32) for images in both_ways)
    error = (ours.var(axis=0) / len(ours) + loaded.var(axis=0) / len(loaded)) ** 0.5
    z = (ours.mean(axis=0) - loaded.mean(axis=0)) / error
    assert np.abs(z).max() < 5  # of 3072 pixels
    assert 0.5 < z.std() < 1.5


@pytest.mark.parametrize(
    'statistic',
    [
        lambda images: images.mean(axis=(1, 2, 3)),
        lambda images: images.std(axis=(1, 2, 3)),
        lambda images: images[:, 0].mean(axis=(1, 2)) - images[:, 2].mean(axis=(1, 2)),
        lambda images: images[:, :, 4:12, 20:28].mean(axis=(1, 2, 3)),
        lambda images: (images == 0).mean(axis=(1, 2, 3)),
        lambda images: (images == 128).all(axis=1).mean(axis=(1, 2)),
    ],
    ids=['mean', 'deviation', 'red - blue', 'a corner', 'black', 'grey 128'],
)
def test_distribution_over_images(both_ways, statistic):
    ours, loaded = map(statistic, both_ways)
    assert ks_2samp(ours, loaded).pvalue > 1e-3


def test_share_of_grey_fill(both_ways):
    ours, loaded = (
        (images == 128).all(axis=1).mean(axis=(1, 2)) for images in both_ways
    )
    error = (ours.var() / len(ours) + loaded.var() / len(loaded)) ** 0.5
    assert abs(ours.mean() - loaded.mean()) < 4.5 * error
    assert 0.03 < ours.mean() < 0.07
