"""CIFAR and Fashion-MNIST: few files, which hold all images as arrays.

Addresses and MD5 are MMPretrain's.
"""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.preparation.checksums import Checksum
from mmgala.preparation.parts import DataSet, Part, Split, uniform_counts

# Bytes of the archive.
CIFAR_SIZES = {'CIFAR10': 170_498_071, 'CIFAR100': 169_001_437}
CIFAR_UNPACKED_SIZE = 186_000_000

# SHA-256 of the unpacked files, from Debian's package dataset-fashion-mnist.
FASHION_MNIST = {
    'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f8388776'
    '8d799fd8a3f3276145d20f83aa44d888',
    'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec29'
    '4ff4f6a2e1246121d8633921760443d9',
    't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe0'
    '87ea10ca49f1dbef5c9a5cd8815ce37b',
    't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494'
    'c5af83dab82d92729df917d7dec38c34',
}
# Bytes, packed and unpacked.
FASHION_MNIST_SIZES = {
    'train-images-idx3-ubyte': (26_421_880, 47_040_016),
    'train-labels-idx1-ubyte': (29_515, 60_008),
    't10k-images-idx3-ubyte': (4_422_102, 7_840_016),
    't10k-labels-idx1-ubyte': (5_148, 10_008),
}
FASHION_MNIST_ELSEWHERE = (
    'Debian has Fashion-MNIST, too: "apt-get install dataset-fashion-mnist", then '
    '--source /usr/share/datasets/fashion-mnist.'
)


def cifar(name: str, num_classes: int) -> DataSet:
    """CIFAR-10 or CIFAR-100.

    Args:
        name: of MMPretrain's class.
        num_classes: that the images are shared out among, equally.
    """
    known = _mmpretrain(name)
    batches = [*known.train_list, *known.test_list]
    batches.append((known.meta['filename'], known.meta['md5']))
    files = {
        f'{known.base_folder}/{file}': Checksum('md5', md5) for file, md5 in batches
    }
    part = Part(
        target=known.base_folder,
        source=known.filename,
        url=known.url,
        size=CIFAR_SIZES[name],
        checksum=Checksum('md5', known.tgz_md5),
        packing='tar',
        unpacked_size=CIFAR_UNPACKED_SIZE,
        files=files,
    )
    return DataSet(
        name=name.lower(),
        root=f'data/{name.lower()}',
        home='https://www.cs.toronto.edu/~kriz/cifar.html',
        parts=[part],
        splits=_splits(name, list(files), num_classes, 50_000, 10_000),
    )


def fashion_mnist() -> DataSet:
    """Fashion-MNIST."""
    known = _mmpretrain('FashionMNIST')
    parts = []
    for source, md5 in [*known.train_list, *known.test_list]:
        target = source.removesuffix('.gz')
        size, unpacked_size = FASHION_MNIST_SIZES[target]
        part = Part(
            target=target,
            source=source,
            url=known.url_prefix + source,
            size=size,
            checksum=Checksum('md5', md5),
            packing='gzip',
            unpacked_size=unpacked_size,
            files={target: Checksum('sha256', FASHION_MNIST[target])},
        )
        parts.append(part)
    return DataSet(
        name='fashion-mnist',
        root='data/fashion_mnist',
        home='https://github.com/zalandoresearch/fashion-mnist',
        parts=parts,
        splits=_splits('FashionMNIST', list(FASHION_MNIST), 10, 60_000, 10_000),
        elsewhere=FASHION_MNIST_ELSEWHERE,
    )


def _mmpretrain(name: str) -> Any:
    # Imported when it is needed: it takes seconds.
    from mmpretrain import datasets

    return getattr(datasets, name)


def _splits(
    name: str, needs: Sequence[str], num_classes: int, train: int, test: int
) -> list[Split]:
    """Balanced training and test split of a data set of MMPretrain's."""

    def read(split: str, root: Path) -> tuple[Sequence[str], np.ndarray]:
        from mmgala.datasets.labels import dataset_labels

        test_mode = split == 'test'
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of how MMPretrain makes tensors of files
            images = _mmpretrain(name)(
                data_root=str(root),
                split=split,
                test_mode=test_mode,
                download=False,
                serialize_data=False,  # that takes longer than all else
            )
        return (), dataset_labels(images)

    return [
        Split(
            name=split,
            read=functools.partial(read, split),
            class_counts=uniform_counts(num_classes, images // num_classes),
            needs=needs,
        )
        for split, images in (('train', train), ('test', test))
    ]
