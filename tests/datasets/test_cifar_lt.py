"""CIFAR10-LT and CIFAR100-LT: counts of the published sets, from full-size files."""

import json
import pickle

import numpy as np
import pytest
from mmpretrain.datasets import CIFAR10, CIFAR100

from mmgala.datasets import LongTailedDataset
from mmgala.functional import shot_groups


class Zeros:
    """Images of zeros that take no room on disk."""

    def __init__(self, count):
        self.count = count

    def __reduce__(self):
        return np.zeros, ((self.count, 3072), np.uint8)


def write_batch(path, key, labels):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps({'data': Zeros(len(labels)), key: labels}))


@pytest.fixture(scope='module')
def cifar(tmp_path_factory):
    """Both training sets, with as many images as the real ones have."""
    root = tmp_path_factory.mktemp('cifar')
    rng = np.random.default_rng(0)
    files = {}
    for cls, key, classes in (
        (CIFAR10, 'labels', 10),
        (CIFAR100, 'fine_labels', 100),
    ):
        labels = rng.permutation(np.repeat(np.arange(classes), 50_000 // classes))
        folder = root / cls.base_folder
        names = [name for name, _ in cls.train_list]
        for name, part in zip(names, np.split(labels, len(names)), strict=True):
            write_batch(folder / name, key, part.tolist())
        write_batch(folder / cls.test_list[0][0], key, list(range(classes)))
        meta = {cls.meta['key']: [f'name{c}' for c in range(classes)]}
        (folder / cls.meta['filename']).write_bytes(pickle.dumps(meta))
        files[cls] = root
    with pytest.MonkeyPatch.context() as patch:
        for cls in (CIFAR10, CIFAR100):
            for attribute in ('train_list', 'test_list'):
                unchecked = [[name, None] for name, _ in getattr(cls, attribute)]
                patch.setattr(cls, attribute, unchecked)
            patch.setattr(cls, 'meta', {**cls.meta, 'md5': None})
        yield {cls: loaded(cls, root) for cls, root in files.items()}


def loaded(cls, root):
    """The training set, which copies its 150 MB of samples as rarely as it can."""
    dataset = cls(data_root=str(root), download=False, serialize_data=False)
    labels = dataset.get_gt_labels()
    dataset.get_gt_labels = lambda: labels
    return dataset


def recount(dataset):
    """Counts of the labels of the samples themselves."""
    labels = [dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))]
    return np.bincount(labels).tolist()


@pytest.mark.parametrize(
    ('cls', 'factor', 'name', 'images', 'groups'),
    [
        (CIFAR10, 100, 'CIFAR-10-LT_IMBA100', 12406, (8, 2, 0)),
        (CIFAR100, 100, 'CIFAR-100-LT_IMBA100', 10847, (35, 35, 30)),
        (CIFAR100, 200, 'CIFAR-100-LT_IMBA200', 9502, (30, 31, 39)),
    ],
)
def test_counts_are_those_recorded(
    cifar, shared_dir, cls, factor, name, images, groups
):
    recorded = json.loads((shared_dir / f'data/{name}.json').read_text())

    dataset = LongTailedDataset(cifar[cls], factor)

    assert dataset.metainfo['class_counts'] == recorded == recount(dataset)
    assert len(dataset) == images
    assert tuple(map(len, shot_groups(recorded))) == groups


@pytest.mark.parametrize('factor', [10, 50, 100, 200])
@pytest.mark.parametrize(('cls', 'classes'), [(CIFAR10, 10), (CIFAR100, 100)])
def test_other_profiles_follow_their_formulas(cifar, cls, classes, factor):
    most, half = 50_000 // classes, classes // 2
    exp = [int(most * factor ** (-c / (classes - 1))) for c in range(classes)]
    step = [most] * half + [most // factor] * half

    for profile, expected in (('exp', exp), ('step', step)):
        dataset = LongTailedDataset(cifar[cls], factor, profile)
        assert dataset.metainfo['class_counts'] == expected
        labels = dataset.get_gt_labels()
        assert np.bincount(labels, minlength=classes).tolist() == expected
