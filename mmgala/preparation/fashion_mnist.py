"""Fashion-MNIST, published as four files.

The address and the MD5 checksums are those of MMPretrain and torchvision.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmgala.preparation.data_set import Checksum, DataSet, Part, Split, uniform_counts

FASHION_MNIST_URL = 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com'


@dataclass(frozen=True)
class PackedFile:
    """One of the four files.

    Attributes:
        name: name of the unpacked file; the packed file ends in ``.gz``.
        md5: checksum of the packed file.
        sha256: checksum of the unpacked file in Debian's package dataset-fashion-mnist.
        size: size of the packed file in bytes.
        unpacked_size: size of the unpacked file in bytes.
    """

    name: str
    md5: str
    sha256: str
    size: int
    unpacked_size: int


PACKED_FILES = (
    PackedFile(
        'train-images-idx3-ubyte',
        '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
        'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
        26_421_880,
        47_040_016,
    ),
    PackedFile(
        'train-labels-idx1-ubyte',
        '25c81989df183df01b3e8a0aad5dffbe',
        'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
        29_515,
        60_008,
    ),
    PackedFile(
        't10k-images-idx3-ubyte',
        'bef4ecab320f06d8554ea6380940ec79',
        '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
        4_422_102,
        7_840_016,
    ),
    PackedFile(
        't10k-labels-idx1-ubyte',
        'bb300cfdad3c16e7a12a480ee83cd310',
        '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
        5_148,
        10_008,
    ),
)
ALTERNATIVE = (
    'On Debian, you can also use "apt-get install dataset-fashion-mnist" and '
    '--source /usr/share/datasets/fashion-mnist.'
)


def fashion_mnist() -> DataSet:
    """Describe how to prepare Fashion-MNIST."""
    parts = [
        Part(
            target=file.name,
            source=f'{file.name}.gz',
            url=f'{FASHION_MNIST_URL}/{file.name}.gz',
            size=file.size,
            checksum=Checksum('md5', file.md5),
            packing='gzip',
            unpacked_size=file.unpacked_size,
            files={file.name: Checksum('sha256', file.sha256)},
        )
        for file in PACKED_FILES
    ]
    splits = [
        Split(
            name=split,
            read=functools.partial(_read_labels, split),
            class_counts=uniform_counts(10, per_class),
            needs=[file.name for file in PACKED_FILES],
        )
        for split, per_class in (('train', 6000), ('test', 1000))
    ]
    return DataSet(
        name='fashion-mnist',
        root='data/fashion_mnist',
        home='https://github.com/zalandoresearch/fashion-mnist',
        parts=parts,
        splits=splits,
        alternative=ALTERNATIVE,
    )


def _read_labels(split: str, root: Path) -> tuple[Sequence[str], np.ndarray]:
    # Imported late, as it takes seconds.
    from mmgala.datasets.readers.fashion_mnist import read_fashion_mnist

    return (), read_fashion_mnist(root, split)[1]
