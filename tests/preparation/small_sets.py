"""The catalogue's data sets with a few generated images, in the published layouts.

:func:`publish` puts published files on a :class:`FileServer` and makes the catalogue
download them from there.
"""

import gzip
import struct
from dataclasses import replace

import numpy as np

from mmgala.preparation import catalogue, find_data_set
from tests.miniature_plankton import COUNTS, jpeg_files
from tests.preparation import small_image_sets
from tests.preparation.archives import checksum
from tests.preparation.tiny_cifar import KNOWN, Images, zipped


def publish(name, server, monkeypatch):
    """Miniature of an entry of the catalogue."""
    makers = {
        'cifar10': cifar,
        'cifar100': cifar,
        'plankton': plankton,
        'fashion-mnist': fashion_mnist,
        'imagenet-lt': small_image_sets.imagenet_lt,
        'places-lt': small_image_sets.places_lt,
        'inaturalist2018': small_image_sets.inaturalist,
    }
    small = makers[name](name, server, monkeypatch)
    monkeypatch.setitem(catalogue.BUILDERS, name, lambda: small)
    return small


def with_counts(entry, **counts):
    """The entry with other numbers of images per class."""
    splits = [
        replace(split, class_counts=lambda n=counts[split.name]: n)
        for split in entry.splits
    ]
    return replace(entry, splits=splits)


def cifar(name, server, monkeypatch):
    images = Images(name)
    return images.entry(url=server.serve(KNOWN[name].archive, images.archive()))


def plankton(name, server, monkeypatch):
    monkeypatch.setattr('mmgala.preparation.plankton.official_counts', lambda: COUNTS)
    # The published checksums are those of the names of the real set.
    monkeypatch.setattr('mmgala.preparation.plankton.SHA256', {})
    entry = find_data_set(name)
    server.serve(entry.parts[0].source, zipped(jpeg_files()))
    return entry


def idx(array):
    """MNIST's file format."""
    sizes = struct.pack(f'>{array.ndim}I', *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def fashion_mnist(name, server, monkeypatch):
    entry = find_data_set(name)
    parts = []
    for part in entry.parts:
        count = 30 if part.target.startswith('train') else 20
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        content = idx(labels if 'labels' in part.target else images)
        packed = gzip.compress(content)
        parts.append(
            replace(
                part,
                url=server.serve(part.source, packed),
                checksum=checksum('md5', packed),
                files={part.target: checksum('sha256', content)},
            )
        )
    return with_counts(replace(entry, parts=parts), train=[3] * 10, test=[2] * 10)
