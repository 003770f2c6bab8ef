"""`TorchvisionAutoAugment` equals torchvision's, with the policy given by name."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmgala.datasets.transforms import TorchvisionAutoAugment
from mmgala.registry import TRANSFORMS

SEEDS = range(20)


@pytest.fixture
def image():
    noise = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    noise[8:24, 8:24] //= 2
    return Image.fromarray(noise)


def by_torchvision(policy, image):
    """torchvision's result for an image under each seed."""
    results = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        results.append(np.asarray(AutoAugment(policy)(image)))
    return results


def by_mmgala(transform, image):
    results = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        results.append(np.asarray(transform({'img': image})['img']))
    return results


def equal(first, second):
    return [np.array_equal(a, b) for a, b in zip(first, second, strict=True)]


@pytest.mark.parametrize(
    ('options', 'policy'),
    [
        ({}, AutoAugmentPolicy.CIFAR10),
        ({'policy': 'cifar10'}, AutoAugmentPolicy.CIFAR10),
        ({'policy': 'imagenet'}, AutoAugmentPolicy.IMAGENET),
        ({'policy': 'svhn'}, AutoAugmentPolicy.SVHN),
    ],
)
def test_equals_torchvision_under_the_same_seed(image, options, policy):
    ours = by_mmgala(TorchvisionAutoAugment(**options), image)

    assert all(equal(ours, by_torchvision(policy, image)))
    for other in set(AutoAugmentPolicy) - {policy}:
        assert not all(equal(ours, by_torchvision(other, image)))


def test_images_change_depending_on_the_seed(image):
    ours = by_mmgala(TorchvisionAutoAugment(), image)

    assert sum(equal(ours, [np.asarray(image)] * len(SEEDS))) < len(SEEDS) / 2
    assert not all(equal(ours, ours[:1] * len(SEEDS)))
    assert all(equal(ours, by_mmgala(TorchvisionAutoAugment(), image)))


def test_in_a_pipeline_built_from_config_text(image):
    init_default_scope('mmpretrain')
    steps = [
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='mmgala.TorchvisionAutoAugment', policy='cifar10'),
        dict(type='PILToNumpy', to_bgr=True),
    ]
    pipeline = Compose([TRANSFORMS.build(step) for step in steps])
    bgr = np.asarray(image)[..., ::-1].copy()
    expected = by_torchvision(AutoAugmentPolicy.CIFAR10, image)

    for seed in SEEDS:
        torch.manual_seed(seed)
        results = pipeline({'img': bgr.copy(), 'gt_label': 7})
        np.testing.assert_array_equal(results['img'][..., ::-1], expected[seed])
        assert results['gt_label'] == 7


@pytest.mark.parametrize('policy', ['cifar100', 'CIFAR10', None])
def test_unknown_policy_is_refused(policy):
    message = (
        r"`policy` to be one of \('imagenet', 'cifar10', 'svhn'\), but got "
        f'{policy!r}'
    )
    with pytest.raises(ValueError, match=message):
        TorchvisionAutoAugment(policy=policy)


def test_numpy_image_is_refused(image):
    message = 'Expected a PIL image, but got ndarray: put NumpyToPIL before this step'
    with pytest.raises(TypeError, match=message):
        TorchvisionAutoAugment()({'img': np.asarray(image)})


def test_repr_names_the_policy():
    expected = "TorchvisionAutoAugment(policy='svhn')"
    assert repr(TorchvisionAutoAugment('svhn')) == expected
