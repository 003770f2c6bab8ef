"""ImageNet-LT, Places-LT and iNaturalist 2018, from their published archives."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmgala.preparation.checking import require_class_counts
from mmgala.preparation.data_set import Checksum, DataSet, Part, Split


def by_name(root: Path, lists: Sequence[str], folder: str = '') -> dict[str, str]:
    """Map the images in one folder of an archive to the class folders in the lists.

    Args:
        root: folder of the lists.
        lists: file names of the lists.
        folder: folder of the images in the archive, with a trailing slash.

    Returns:
        Path below the root, by name in the archive.
    """
    return {folder + path.rpartition('/')[2]: path for path in _listed(root, lists)}


def places_train(root: Path) -> dict[str, str]:
    """Map the training images of Places365, whose archive has a folder per letter.

    ``data_256/a/arena/hockey/00000001.jpg`` becomes
    ``train/arena/hockey/00000001.jpg``.

    Returns:
        Path below the root, by name in the archive.
    """
    listed = _listed(root, ['Places_LT_train.txt', 'Places_LT_val.txt'])
    below = [path.removeprefix('train/') for path in listed]
    return {
        f'data_256/{name[0]}/{name}': path
        for name, path in zip(below, listed, strict=True)
    }


def _listed(root: Path, lists: Sequence[str]) -> list[str]:
    from mmgala.datasets.readers.image_list import read_image_list

    return [path for name in lists for path in read_image_list(root / name)[0]]


MB, GB = 10**6, 10**9

# Repository of "Decoupling Representation and Classifier for Long-Tailed Recognition"
# (ICLR 2020), which contains the lists of ImageNet-LT and Places-LT.
LISTS = (
    'https://raw.githubusercontent.com/facebookresearch/classifier-balancing/main/data'
)

# No checksums of these lists are published; their class counts are checked instead.
IMAGENET_LISTS = {
    'train': ('ImageNet_LT_train.txt', 4_600_000),
    'val': ('ImageNet_LT_val.txt', 804_172),
    'test': ('ImageNet_LT_test.txt', 2_344_500),
}
# MD5: torchvision/datasets/imagenet.py, ARCHIVE_META. Sizes: the download page.
IMAGENET_TRAIN = ('ILSVRC2012_img_train.tar', '1d675b47d978889d74fa0da5fadfb00e')
IMAGENET_VAL = ('ILSVRC2012_img_val.tar', '29b22e2961454d5413ddabcf34fc5622')
IMAGENET_BY_HAND = (
    "ImageNet's images may not be downloaded by a program. Register at "
    'https://image-net.org, request access to ILSVRC 2012, and download\n'
    '  "Training images (Task 1 & 2)", ILSVRC2012_img_train.tar, 138 GB\n'
    '  "Validation images (all tasks)", ILSVRC2012_img_val.tar, 6.3 GB\n'
    'to the root, or to another folder and pass it with --source. Then run the same '
    'command again, which verifies both archives and unpacks the listed images, those '
    'of the second archive into class folders. If ImageNet is already unpacked, link '
    'it instead: train/ with n01440764/n01440764_10026.JPEG and so on, val/ with '
    'n01440764/ILSVRC2012_val_00000293.JPEG.'
)

# SHA-256: computed from the lists in that repository, which publishes no checksums.
PLACES_LISTS = {
    'train': (
        'Places_LT_train.txt',
        2_092_674,
        '981eb2a3aca124826ee016df1d75fa42d9fd72ada3b5b723c402d0593593790e',
    ),
    'val': (
        'Places_LT_val.txt',
        253_480,
        'c27e5d755960932fca355e7d644e455474a9d02340b6ad28aafbcb7b7cb7ab71',
    ),
    'test': (
        'Places_LT_test.txt',
        1_705_400,
        '44eee8441c8098c59195465abede425721bc35525d75209f9433b161a6eb37bc',
    ),
}
# MD5: torchvision/datasets/places365.py, _IMAGES_META. Sizes: the page of the data set.
# The archive "with easy directory structure" has no published checksum, and its folders
# differ from those in the training list (arena-hockey for arena/hockey).
PLACES = 'http://data.csail.mit.edu/places/places365'
PLACES_TRAIN = ('train_256_places365standard.tar', '53ca1c756c3d1e7809517cc47c5561c5')
PLACES_VAL = ('val_256.tar', 'e27b17d8d44f4af9a78502beb927f808')

# MD5 of the archive, its size and that of its content in bytes, by target. MD5 and
# sizes: github.com/visipedia/inat_comp/tree/master/2018.
INATURALIST = 'https://ml-inat-competition-datasets.s3.amazonaws.com/2018'
INATURALIST_ARCHIVES = {
    'train2018.json': ('bfa29d89d629cbf04d826a720c0a68b0', 26 * MB, 150 * MB),
    'val2018.json': ('f2ed8bfe3e9901cdefceb4e53cd3775d', 26 * MB, 50 * MB),
    'train_val2018': ('b1c6952ce38f31868cc50ea72d066cc3', 120 * GB, 122 * GB),
}


def imagenet_lt() -> DataSet:
    """Describe ImageNet-LT, whose lists can be downloaded, but not its images."""
    per_class = {'train': None, 'val': 20, 'test': 50}
    splits, parts = [], []
    for split, (name, size) in IMAGENET_LISTS.items():
        splits.append(_split('imagenet-lt', split, name, per_class[split]))
        check_source = functools.partial(
            require_class_counts, class_counts=splits[-1].class_counts
        )
        url = f'{LISTS}/ImageNet_LT/{name}'
        parts.append(Part(name, name, url, size, check_source=check_source))
    for target, (source, md5), lists, size, unpacked_size in (
        ('train', IMAGENET_TRAIN, ('train', 'val'), 138 * GB, 16 * GB),
        ('val', IMAGENET_VAL, ('test',), 6300 * MB, 6700 * MB),
    ):
        part = Part(
            target=target,
            source=source,
            url=None,
            size=size,
            checksum=Checksum('md5', md5),
            packing='tar of tars' if target == 'train' else 'tar',
            unpacked_size=unpacked_size,
            select=functools.partial(
                by_name, lists=[IMAGENET_LISTS[split][0] for split in lists]
            ),
        )
        parts.append(part)
    return DataSet(
        name='imagenet-lt',
        root='data/imagenet',
        home='https://image-net.org/download',
        parts=parts,
        splits=splits,
        by_hand=IMAGENET_BY_HAND,
    )


def places_lt() -> DataSet:
    """Describe Places-LT, with the 256 x 256 images of Places365-Standard."""
    per_class = {'train': None, 'val': 20, 'test': 100}
    splits, parts = [], []
    for split, (name, size, sha256) in PLACES_LISTS.items():
        splits.append(_split('places-lt', split, name, per_class[split]))
        files = {name: Checksum('sha256', sha256)}
        parts.append(Part(name, name, f'{LISTS}/Places_LT/{name}', size, files=files))
    test_list = PLACES_LISTS['test'][0]
    val = functools.partial(by_name, lists=[test_list], folder='val_256/')
    for target, (source, md5), size, unpacked_size, select in (
        ('train', PLACES_TRAIN, 24 * GB, 1 * GB, places_train),
        ('val', PLACES_VAL, 501 * MB, 501 * MB, val),
    ):
        part = Part(
            target=target,
            source=source,
            url=f'{PLACES}/{source}',
            size=size,
            checksum=Checksum('md5', md5),
            packing='tar',
            unpacked_size=unpacked_size,
            select=select,
        )
        parts.append(part)
    return DataSet(
        name='places-lt',
        root='data/places365',
        home='http://places2.csail.mit.edu/download.html',
        parts=parts,
        splits=splits,
    )


def inaturalist() -> DataSet:
    """Describe the training and validation images of iNaturalist 2018."""
    parts = [
        Part(
            target=target,
            source=f'{target}.tar.gz',
            url=f'{INATURALIST}/{target}.tar.gz',
            size=size,
            checksum=Checksum('md5', md5),
            packing='tar',
            unpacked_size=unpacked_size,
        )
        for target, (md5, size, unpacked_size) in INATURALIST_ARCHIVES.items()
    ]
    splits = [
        _split('inaturalist2018', 'train', 'train2018.json', None),
        _split('inaturalist2018', 'val', 'val2018.json', 3),
    ]
    return DataSet(
        name='inaturalist2018',
        root='data/inaturalist2018',
        home='https://github.com/visipedia/inat_comp/tree/master/2018',
        parts=parts,
        splits=splits,
    )


def _split(name: str, split: str, annotations: str, per_class: int | None) -> Split:
    """Describe a split with ``per_class`` images, or the official counts if None."""

    # Imported late, as `mmgala.datasets` takes seconds.
    def class_counts() -> Sequence[int]:
        from mmgala.datasets.class_counts import official_class_counts

        official = official_class_counts(name)
        return official if per_class is None else [per_class] * len(official)

    def read(root: Path) -> tuple[Sequence[str], np.ndarray]:
        from mmgala.datasets.readers.coco_labels import read_coco_labels
        from mmgala.datasets.readers.image_list import read_image_list

        if annotations.endswith('.json'):
            images = read_coco_labels(root / annotations, len(class_counts()))
            return images.paths, images.labels
        return read_image_list(root / annotations, len(class_counts()))

    return Split(split, read, class_counts, needs=[annotations])
