"""CIFAR in both forms, official pickles and class folders, with a few random images."""

import io
import pickle
import struct
import zipfile
from dataclasses import replace

import numpy as np
from PIL import Image

from mmgala.preparation.cifar import CIFAR10, CIFAR100, Cifar, cifar
from tests.preparation.archives import checksum, tar

CLASSES = ('apple', 'bear', 'cup')
PER_CLASS = {'train': 10, 'test': 2}
KNOWN = {'cifar10': CIFAR10, 'cifar100': CIFAR100}
SPLITS = ('train', 'test')


class Python2Pickler(pickle._Pickler):
    """Pickles strings, bytes and NumPy's module names as Python 2 did."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + struct.pack('<i', len(value)) + value)
        self.memoize(value)

    def save_str(self, value):
        self.save_bytes(value.encode())

    def save_global(self, value, name=None):
        # NumPy 2 has moved the module.
        module = value.__module__.replace('numpy._core', 'numpy.core')
        self.write(pickle.GLOBAL + f'{module}\n{value.__name__}\n'.encode())
        self.memoize(value)

    dispatch[bytes] = save_bytes
    dispatch[str] = save_str
    dispatch[type] = save_global
    dispatch[type(len)] = save_global
    dispatch[type(replace)] = save_global


def pickled(value):
    """Pickle an object as Python 2 would have."""
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


class Images:
    """Random images, sorted neither by class nor by name.

    Args:
        name: ``'cifar10'`` or ``'cifar100'``.
        seed: seed of all random numbers.
    """

    def __init__(self, name='cifar100', seed=0):
        self.name = name
        rng = np.random.default_rng(seed)
        self.labels, self.names, self.pixels = {}, {}, {}
        for split, count in PER_CLASS.items():
            labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), count))
            numbers = rng.permutation(900)[: len(labels)]
            self.labels[split] = labels
            self.names[split] = [f'thing_s_{number:06d}.png' for number in numbers]
            self.pixels[split] = rng.integers(
                0, 256, (len(labels), 32, 32, 3), dtype=np.uint8
            )

    def official_files(self):
        """``folder/name`` -> content of the pickles of the official archive."""
        parts = {'test': 1, 'train': 1 if self.name == 'cifar100' else 5}
        known = KNOWN[self.name].images
        contents = []
        for split in SPLITS:
            # One row per image: all of red, then green, then blue.
            rows = self.pixels[split].transpose(0, 3, 1, 2).reshape(-1, 3072)
            for part in np.array_split(np.arange(len(rows)), parts[split]):
                batch = {
                    'batch_label': 'a text',
                    known.label_key: self.labels[split][part].tolist(),
                    'data': np.ascontiguousarray(rows[part]),
                    'filenames': [self.names[split][index] for index in part],
                }
                contents.append(pickled(batch))
        return dict(zip(known.batches, contents, strict=True))

    def png_files(self, top='top/'):
        """Path -> content of each image in class folders."""
        files = {}
        for split in SPLITS:
            for label, name, pixels in zip(
                self.labels[split], self.names[split], self.pixels[split], strict=True
            ):
                files[f'{top}{split}/{CLASSES[label]}/{name}'] = png(pixels)
        return files

    def expected(self, split):
        """Images and labels as they must be written: sorted by class, then by name."""
        keys = list(zip(self.labels[split], self.names[split], strict=True))
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return self.pixels[split][order], self.labels[split][order]

    def known(self, **changes) -> Cifar:
        """Published facts about this miniature, as about the real data set."""
        archive, official = self.archive(), self.official_files()
        real = KNOWN[self.name]
        images = replace(
            real.images,
            classes=CLASSES,
            batches={n: checksum('md5', c).value for n, c in official.items()},
        )
        md5 = checksum('md5', archive).value
        return replace(
            real,
            md5=md5,
            size=len(archive),
            images=images,
            per_class=PER_CLASS,
            **{'sha256': {}, **changes},
        )

    def archive(self):
        """The official archive."""
        (folder,) = {name.partition('/')[0] for name in self.official_files()}
        files = {f'{folder}/readme.txt': b'CIFAR', **self.official_files()}
        return tar({folder: None, **files}, packed=True)

    def entry(self, url=None, **changes):
        """Entry of the catalogue."""
        entry = cifar(self.known(**changes))
        return replace(entry, parts=[replace(entry.parts[0], url=url)])


def png(pixels, **options):
    """An array as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG', **options)
    return buffer.getvalue()


def zipped(files):
    """A zip archive of ``{name or ZipInfo: content}``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def unpack(files, folder):
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
