"""Reading and resizing in the pipelines of the large sets, against torchvision's."""

import cv2
import numpy as np
import pytest
import torch
from mmpretrain.datasets.transforms import RandomResizedCrop
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize
from torchvision.transforms.functional import pad, resized_crop

from tests.configs.pipelines import apply, names
from tests.miniatures import picture

# Smaller than the crop, and larger, upright and not, with sides that are not even.
SIZES = ((100, 150), (301, 257), (333, 500), (640, 481))
TORCHVISION_TEST = Compose([Resize(256), CenterCrop(224)])


def detailed(size):
    """Image with detail that is lost unless a smaller image averages over it."""
    coarse = picture(1, seed=size[0], size=(40, 40))
    noise = np.random.default_rng(size).integers(0, 128, (*size, 3), dtype=np.uint8)
    return cv2.resize(coarse, size[::-1]) // 2 + noise


def to_pil(bgr):
    return Image.fromarray(np.ascontiguousarray(bgr[..., ::-1]))


def to_bgr(image):
    return np.asarray(image)[..., ::-1]


def largest_difference(found, expected):
    return np.abs(found.astype(int) - expected).max()


def pipelines(decoupled):
    """Steps of a training image in both stages, and of a test image."""
    loader = decoupled.stage2.cfg.test_dataloader
    test = decoupled.stage2.build_dataloader(loader).dataset.pipeline
    trainings = [
        runner.train_dataloader.dataset.pipeline
        for runner in (decoupled.stage1, decoupled.stage2)
    ]
    return [*trainings, test]


@pytest.mark.parametrize('size', SIZES)
def test_crops_are_resized_as_by_torchvision(decoupled, size):
    image = detailed(size)
    for pipeline in pipelines(decoupled)[:2]:
        crop = pipeline.transforms[names(pipeline).index('RandomResizedCrop')]
        for seed in range(10):
            np.random.seed(seed)
            box = crop.rand_crop_params(image)
            np.random.seed(seed)
            found = apply([crop], image)

            expected = to_bgr(resized_crop(to_pil(image), *box, [224, 224]))
            assert largest_difference(found, expected) <= 1


def test_resizing_by_cv2_differs():
    """As the option ``backend=cv2`` has it: single pixels of a larger image."""
    image = detailed((640, 481))
    crop = RandomResizedCrop(224, crop_ratio_range=(0.9, 1.0), backend='cv2')
    np.random.seed(0)
    found = apply([crop], image)
    np.random.seed(0)
    box = crop.rand_crop_params(image)

    expected = to_bgr(resized_crop(to_pil(image), *box, [224, 224]))
    assert np.abs(found.astype(int) - expected).mean() > 5


@pytest.mark.parametrize('size', SIZES)
def test_test_images_are_those_of_torchvision(decoupled, size):
    image = detailed(size)
    steps = pipelines(decoupled)[-1].transforms[1:]

    found = apply(steps, image)

    expected = to_bgr(TORCHVISION_TEST(to_pil(image))).transpose(2, 0, 1)
    assert largest_difference(found, expected) <= 1


@pytest.mark.parametrize('orientation', [None, 6])
def test_files_are_read_as_pillow_reads_them(decoupled, tmp_path, orientation):
    """An orientation in the EXIF data is ignored."""
    image = to_pil(detailed((333, 500)))
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation  # turned by 90 degrees
    path = tmp_path / 'image.jpg'
    image.save(path, exif=exif)
    read = Image.open(path).convert('RGB')
    assert read.size == (500, 333)

    for pipeline in pipelines(decoupled):
        found = pipeline.transforms[0](dict(img_path=str(path)))['img']
        np.testing.assert_array_equal(found, to_bgr(read))

    found = pipelines(decoupled)[-1](dict(img_path=str(path)))['inputs']
    expected = to_bgr(TORCHVISION_TEST(read)).transpose(2, 0, 1)
    assert largest_difference(found.numpy(), expected) <= 1


def test_a_training_image_up_to_its_crop_is_that_of_torchvision(decoupled, tmp_path):
    path = tmp_path / 'image.jpg'
    to_pil(detailed((333, 500))).save(path)
    pipeline = pipelines(decoupled)[1]
    position = names(pipeline).index('RandomResizedCrop')
    before, crop = pipeline.transforms[:position], pipeline.transforms[position]
    results = dict(img_path=str(path))
    for step in before:
        results = step(results)
    padded = pad(Image.open(path).convert('RGB'), 4, padding_mode='reflect')
    np.testing.assert_array_equal(results['img'], to_bgr(padded))

    np.random.seed(0)
    box = crop.rand_crop_params(results['img'])
    np.random.seed(0)
    found = crop(results)['img']

    expected = to_bgr(resized_crop(padded, *box, [224, 224]))
    assert largest_difference(found, expected) <= 1


def test_grey_and_transparent_files_become_colour_images(decoupled, tmp_path):
    for mode in ('L', 'RGBA', 'P', 'CMYK'):
        image = to_pil(detailed((300, 300))).convert(mode)
        path = tmp_path / f'{mode}.{"tiff" if mode == "CMYK" else "png"}'
        image.save(path)
        for pipeline in pipelines(decoupled):
            found = pipeline(dict(img_path=str(path), gt_label=0))['inputs']
            assert found.shape == (3, 224, 224)
            assert found.dtype == torch.uint8
