"""Images, samples and batches on a device equal those of the data loader."""

import numpy as np
import pytest
import torch
from mmengine.dataset import RepeatDataset
from mmpretrain.structures import DataSample

from mmgala.datasets import LongTailedDataset
from mmgala.datasets.on_device import (
    DeviceImages,
    build_augmentation,
    epoch_batches,
    find_pipeline,
)
from tests.datasets.on_device.pictures import from_batch, noise, pictures
from tests.datasets.on_device.sets import Pictures, cifar_pipeline

CPU = torch.device('cpu')
KEYS = ('sample_idx', 'img_path', 'flip')


def on_device(dataset, device=CPU):
    return DeviceImages(dataset, KEYS, device)


@pytest.fixture
def long_tailed():
    inner = Pictures(noise(count=30), img_path='x.png', other=3)
    return LongTailedDataset(inner, imbalance_factor=5)


def test_images_and_samples_equal_the_loaders(long_tailed):
    data = on_device(long_tailed)
    indices = np.random.default_rng(0).integers(len(long_tailed), size=50)

    images, samples = data.images(indices), data.samples(indices.tolist())

    assert (data.size, data.channels) == ((32, 32), 3)
    for index, image, sample in zip(indices, images, samples, strict=True):
        loaded = long_tailed[int(index)]
        assert torch.equal(image, loaded['inputs'])
        expected = loaded['data_samples']
        assert type(sample) is DataSample
        assert torch.equal(sample.gt_label, expected.gt_label)
        assert sample.gt_label.dtype == expected.gt_label.dtype
        assert sample.metainfo == expected.metainfo
        assert set(sample.keys()) == set(expected.keys())
        assert {'sample_idx', 'img_path'} == set(sample.metainfo_keys())


def test_samples_are_new_each_time(long_tailed):
    data = on_device(long_tailed)
    first = data.samples([0])[0]
    first.set_gt_score(torch.ones(3))
    first.set_gt_label(2)
    second = data.samples([0])[0]
    assert 'gt_score' not in second
    assert 'num_classes' not in second
    assert torch.equal(second.gt_label, long_tailed[0]['data_samples'].gt_label)


def test_grey_and_repeated_images():
    images = pictures((8, 20))[..., 0]
    dataset = RepeatDataset(Pictures(images), 2)
    data = on_device(dataset)
    assert (data.size, data.channels) == ((8, 20), 1)
    found = from_batch(data.images(np.arange(len(dataset))))
    np.testing.assert_array_equal(found[..., 0], np.concatenate([images, images]))


def listed(batches):
    """Inputs and labels of each batch."""
    return [
        (batch['inputs'], torch.cat([s.gt_label for s in batch['data_samples']]))
        for batch in batches
    ]


@pytest.fixture
def augmented(repository):
    """Function: batches of given indices, augmented by CIFAR's pipeline."""
    dataset = Pictures(noise(count=24), pipeline=cifar_pipeline(repository))

    def run(batches, device=CPU, seed=0, **options):
        data = on_device(dataset, device)
        pipeline = build_augmentation(find_pipeline(dataset), data.size, data.channels)
        rng = np.random.default_rng(seed)
        return list(epoch_batches(data, pipeline.to(device), batches, rng, **options))

    return run


BATCHES = [[5, 1, 2, 2], [0, 23, 22, 7], [9, 8, 1, 4], [3, 3]]


@pytest.mark.parametrize('chunk_size', [1, 4, 9, 1000])
def test_chunk_size_does_not_matter(augmented, chunk_size):
    whole = listed(augmented(BATCHES))
    parts = listed(augmented(BATCHES, chunk_size=chunk_size))
    assert [len(inputs) for inputs, _ in parts] == [4, 4, 4, 2]
    for (inputs, labels), (others, other_labels) in zip(whole, parts, strict=True):
        assert torch.equal(inputs, others)
        assert torch.equal(labels, other_labels)
    assert [label.tolist() for _, label in whole] == [
        [index % 3 for index in batch] for batch in BATCHES
    ]


def test_the_rest_of_an_epoch_equals_that_of_the_whole_epoch(augmented):
    whole, rest = augmented(BATCHES), augmented(BATCHES[2:], skipped=8)
    for expected, found in zip(whole[2:], rest, strict=True):
        assert torch.equal(expected['inputs'], found['inputs'])


def test_an_image_is_augmented_differently_at_each_place(augmented):
    (batch,) = augmented([[3] * 24])
    assert len({image.numpy().tobytes() for image in batch['inputs']}) == 24


def test_no_batches(augmented):
    assert augmented([]) == []


def test_nothing_waits_for_the_device(augmented):
    # Tensors on PyTorch's `meta` device have no values to wait for, and do not mix
    # with those of another device.
    batches = augmented([list(range(24))] * 40, device=torch.device('meta'))
    for batch in batches:
        assert batch['inputs'].device.type == 'meta'
        assert batch['inputs'].shape == (24, 3, 32, 32)
        assert batch['data_samples'][0].gt_label.device.type == 'meta'


def changed(images, index, image):
    return [*images[:index], image, *images[index + 1 :]]


class Empty:
    """A data set without samples."""

    get_data_info = None

    def __len__(self):
        return 0


UNREADABLE = {
    'other size': (
        ValueError,
        lambda: Pictures(changed(noise(count=3), 1, noise((8, 8))[0])),
        r'sample 1 has \(8, 8, 3\) and the first has \(32, 32, 3\).* ordinary loop',
    ),
    'type': (
        ValueError,
        lambda: Pictures(noise(count=2).astype(np.float32)),
        r'uint8 .* sample 0 of Pictures has \(32, 32, 3\) float32',
    ),
    'channels': (
        ValueError,
        lambda: Pictures(np.zeros((2, 4, 4, 2), np.uint8)),
        r'sample 0 of Pictures has \(4, 4, 2\) uint8',
    ),
    'none': (ValueError, lambda: Empty(), 'Expected images, but Empty is empty'),
    'scores': (
        ValueError,
        lambda: Pictures(noise(), gt_score=[1]),
        'without `gt_score`, but sample 0 of Pictures',
    ),
    'several labels': (
        ValueError,
        lambda: Pictures(noise(), labels=[[0, 1]]),
        'multi-label data sets are not supported',
    ),
    'no annotations': (
        TypeError,
        lambda: [1, 2],
        '`get_data_info`.*got list',
    ),
}


@pytest.mark.parametrize('name', UNREADABLE)
def test_unsupported_data_sets_are_refused(name):
    error, make, message = UNREADABLE[name]
    with pytest.raises(error, match=message):
        on_device(make())


def test_annotations_without_images_are_refused():
    dataset = Pictures(noise())
    dataset.get_data_info = lambda index: dict(img_path='x.png', gt_label=0)
    message = r'sample 0 of Pictures has none: train with the ordinary loop'
    with pytest.raises(TypeError, match=message):
        on_device(dataset)
