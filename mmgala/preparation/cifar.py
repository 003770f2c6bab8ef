"""CIFAR-10 and CIFAR-100 as NumPy files, from their archives or from PNG files.

Addresses and MD5 checksums are those of torchvision and MMPretrain.
"""

import functools
import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmgala.preparation.archives import read_files
from mmgala.preparation.data_set import (
    Checksum,
    DataSet,
    Part,
    Split,
    published_checksums,
    uniform_counts,
)
from mmgala.preparation.images import (
    CLASS_NAME_FILE,
    ImageTable,
    decode,
    write_class_names,
)

CIFAR_URL = 'https://www.cs.toronto.edu/~kriz'

CIFAR10_CLASSES = 'airplane automobile bird cat deer dog frog horse ship truck'
CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""

# What a pickled array refers to under NumPy 1 and 2, obtained through public names.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ('numpy.core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy._core.multiarray', '_reconstruct'): _RECONSTRUCT,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
}
CIFAR_SIDE = 32  # pixels
PUBLISHED_SPLITS = ('train', 'test')
MAX_PNG = 1 << 16  # bytes; its pixels take 3,072
MAX_BATCH = 160_000_000  # bytes; the training images of CIFAR-100 take 155 MB


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler that only accepts plain Python values and NumPy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up a function or class that pickled arrays need.

        Raises:
            pickle.UnpicklingError: for any other name.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f'it refers to {module}.{name}') from None


def read_batch(
    name: str, content: bytes, label_key: str
) -> tuple[np.ndarray, list[int], list[str]]:
    """Read one batch of images, pickled by Python 2.

    Args:
        name: name of the file, for error messages.
        content: content of the file, whose checksum has been verified.
        label_key: key of the labels, ``'labels'`` or ``'fine_labels'``.

    Returns:
        Images ``(N, 32, 32, 3)`` uint8 RGB, labels and file names.

    Raises:
        ValueError: if it is not a batch of CIFAR images.
    """
    try:
        batch = ArrayUnpickler(io.BytesIO(content), encoding='latin1').load()
        data, labels, names = batch['data'], batch[label_key], batch['filenames']
        # Each row is an image: the red plane, then green, then blue.
        images = data.reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE).transpose(0, 2, 3, 1)
        if data.dtype != np.uint8 or not len(images) == len(labels) == len(names):
            raise ValueError('its images, labels and names do not match')
    except Exception as error:  # a damaged pickle raises almost anything
        raise ValueError(f'{name} is not a batch of CIFAR images ({error}).') from error
    return images, labels, names


@dataclass(frozen=True)
class CifarImage:
    """One image.

    Attributes:
        split: ``'train'`` or ``'test'``.
        label: index of its class.
        name: file name, the same in both forms of the data set.
        pixels: ``(32, 32, 3)`` uint8, RGB.
    """

    split: str
    label: int
    name: str
    pixels: np.ndarray


@dataclass(frozen=True)
class CifarImages:
    """Images of a data set in either of its forms: pickled batches or PNG files.

    Attributes:
        classes: class names in sorted order, which is that of the official labels.
        batches: MD5 of each pickled batch, by folder and file name.
        label_key: key of the labels in the batches.
    """

    classes: Sequence[str]
    batches: Mapping[str, str]
    label_key: str

    def read(self, source: Path) -> Iterator[CifarImage]:
        """Read all images, in the order of the source.

        Args:
            source: archive or folder that contains the official batches, which are
                unpickled only if they have the published checksum, or
                ``{train,test}/<class>/*.png``.

        Raises:
            ValueError: if the source is damaged or unsafe, a batch is not the
                published one, or an image is not 32 x 32 pixels and RGB.
        """
        for path, content in read_files(source, self._limit):
            batch = _ending(path, 2)
            if batch in self.batches:
                yield from self._of_batch(batch, content, source)
            else:
                yield self._of_png(path, content, source)

    def _limit(self, path: str) -> int | None:
        if _ending(path, 2) in self.batches:
            return MAX_BATCH
        split, class_name, name = _ending(path, 3).split('/')
        is_image = split in PUBLISHED_SPLITS and class_name in self.classes
        return MAX_PNG if is_image and name.lower().endswith('.png') else None

    def _of_batch(
        self, batch: str, content: bytes, source: Path
    ) -> Iterator[CifarImage]:
        where = f'{batch} in {source}'
        Checksum('md5', self.batches[batch]).require_content(where, content)
        split = 'test' if batch.rpartition('/')[2].startswith('test') else 'train'
        for image, label, name in zip(
            *read_batch(where, content, self.label_key), strict=True
        ):
            yield CifarImage(split, label, name, image)

    def _of_png(self, path: str, content: bytes, source: Path) -> CifarImage:
        split, class_name, name = _ending(path, 3).split('/')
        where = f'{path} in {source}'
        image = decode(where, content, 'PNG', ['RGB'], CIFAR_SIDE)
        if image.size != (CIFAR_SIDE, CIFAR_SIDE):
            raise ValueError(
                f'Expected {CIFAR_SIDE} x {CIFAR_SIDE} pixels, but {where} has '
                f'{image.width} x {image.height}.'
            )
        label = self.classes.index(class_name)
        return CifarImage(split, label, name, np.asarray(image))


def _ending(path: str, parts: int) -> str:
    """Last components of a path; those that it lacks are empty."""
    return '/'.join([*[''] * parts, *path.split('/')][-parts:])


@dataclass(frozen=True)
class Cifar:
    """What is published about CIFAR-10 or CIFAR-100.

    Attributes:
        name: name on the command line.
        archive: file name of the official archive.
        md5: checksum of the archive.
        size: size of the archive in bytes.
        images: classes and images in the archive.
        per_class: number of images per class in each split.
        sha256: checksums of the created files, where known.
    """

    name: str
    archive: str
    md5: str
    size: int
    images: CifarImages
    per_class: Mapping[str, int]
    sha256: Mapping[str, str]


CIFAR10 = Cifar(
    name='cifar10',
    archive='cifar-10-python.tar.gz',
    md5='c58f30108f718f92721af3b95e74349a',
    size=170_498_071,
    images=CifarImages(
        classes=CIFAR10_CLASSES.split(),
        batches={
            'cifar-10-batches-py/data_batch_1': 'c99cafc152244af753f735de768cd75f',
            'cifar-10-batches-py/data_batch_2': 'd4bba439e000b95fd0a9bffe97cbabec',
            'cifar-10-batches-py/data_batch_3': '54ebc095f3ab1f0389bbae665268c751',
            'cifar-10-batches-py/data_batch_4': '634d18415352ddfa80567beed471001a',
            'cifar-10-batches-py/data_batch_5': '482c414d41f54cd18b22e5b47cb7c3cb',
            'cifar-10-batches-py/test_batch': '40351d587109b95175f43aff81a1287e',
        },
        label_key='labels',
    ),
    per_class={'train': 5000, 'test': 1000},
    sha256={
        'train_labels.npy': '377c23f583c23f9899b48f8fabc00c5a'
        '53b414a1e7785fe3d967fc40ecbd3312',
        'test_labels.npy': '2468512877a248e1e743892c2fb23ed9'
        '57ec625ded5487f9c2d351160fbb49fb',
        'classes.txt': '2ce042b1e0b48db4bb214408e6414ba1'
        '8b2731c24af244f2d6c112fddf31af00',
    },
)
CIFAR100 = Cifar(
    name='cifar100',
    archive='cifar-100-python.tar.gz',
    md5='eb9058c3a382ffc7106e4002c42a8d85',
    size=169_001_437,
    images=CifarImages(
        classes=CIFAR100_CLASSES.split(),
        batches={
            'cifar-100-python/train': '16019d7e3df5f24257cddd939b257f8d',
            'cifar-100-python/test': 'f0ef6b0ae62326f3e7ffdfab6717acfc',
        },
        label_key='fine_labels',
    ),
    per_class={'train': 500, 'test': 100},
    # Computed from PNG files of the official images, under their official names.
    sha256={
        'train_images.npy': 'c55f5aeb30b7bb95c1e8aa43def5545f'
        '2bcb6ee586470a57f2f61b5cca1398e8',
        'train_labels.npy': '5bc8936f203eb9fefbf5fbaabaeedd59'
        '5c2ad64d203681391352aa9435529bae',
        'test_images.npy': '4c27b6752797b7b09dbc554590976bdf'
        '323da88fd89241c30bc01851fd2ee20c',
        'test_labels.npy': 'd44535e1ab7a4097ebfbb159989e9d9a'
        'b3ef2b385722d287c5f2bd0375461a7f',
        'classes.txt': '4a53f81a8af29bb6aa646bfe2c455db1'
        'b061edfde82a39c0cfc313ef536c681b',
    },
)


def cifar(known: Cifar) -> DataSet:
    """Describe how to prepare CIFAR-10 or CIFAR-100."""
    num_classes = len(known.images.classes)
    names = [*array_files('train'), *array_files('test'), CLASS_NAME_FILE]
    part = Part(
        target='.',
        source=known.archive,
        url=f'{CIFAR_URL}/{known.archive}',
        size=known.size,
        checksum=Checksum('md5', known.md5),
        packing='images',
        unpacked_size=num_classes
        * sum(known.per_class.values())
        * (3 * CIFAR_SIDE**2 + 8),
        files=published_checksums(known.sha256, names),
        convert=functools.partial(convert_cifar, known),
    )
    splits = [
        Split(
            name=split,
            read=functools.partial(_read_labels, array_files(split)[1]),
            class_counts=uniform_counts(num_classes, per_class),
            needs=names,
        )
        for split, per_class in known.per_class.items()
    ]
    return DataSet(
        name=known.name,
        root=f'data/{known.name}',
        home=f'{CIFAR_URL}/cifar.html',
        parts=[part],
        splits=splits,
    )


def array_files(split: str) -> tuple[str, str]:
    """File names of the images and the labels of a split."""
    return f'{split}_images.npy', f'{split}_labels.npy'


def _read_labels(name: str, root: Path) -> tuple[Sequence[str], np.ndarray]:
    return (), np.load(root / name, allow_pickle=False)


def convert_cifar(known: Cifar, source: Path, folder: Path) -> None:
    """Write images and labels, class by class in the order of the file names.

    Args:
        known: description of CIFAR-10 or CIFAR-100.
        source: archive or folder; see :meth:`CifarImages.read`. The files are the same
            for all forms of the source.
        folder: folder to write to.

    Raises:
        ValueError: if the source is incomplete, or as in :meth:`CifarImages.read`.
    """
    num_classes = len(known.images.classes)
    tables = {
        split: ImageTable(
            f'{split} images in {source}',
            [count] * num_classes,
            (CIFAR_SIDE, CIFAR_SIDE, 3),
        )
        for split, count in known.per_class.items()
    }
    for image in known.images.read(source):
        tables[image.split].add(image.label, image.name, image.pixels)
    for split, table in tables.items():
        images_file, labels_file = array_files(split)
        table.save(folder / images_file, folder / labels_file)
    write_class_names(folder, known.images.classes)
