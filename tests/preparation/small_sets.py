"""The catalogue's data sets with a few generated images, in the published layouts.

:func:`publish` puts what is published on a :class:`FileServer` and makes the catalogue
take it from there.
"""

import gzip
import pickle
import struct
from dataclasses import replace

import numpy as np

from mmgala.preparation import catalogue, data_set
from tests.preparation import small_image_sets
from tests.preparation.archives import checksum, tar

PER_CLASS = 2  # images of each of the ten classes in each batch of CIFAR


def publish(name, server, monkeypatch):
    """Small form of an entry of the catalogue."""
    makers = {
        'cifar10': cifar,
        'cifar100': cifar,
        'fashion-mnist': fashion_mnist,
        'imagenet-lt': small_image_sets.imagenet_lt,
        'places-lt': small_image_sets.places_lt,
        'inaturalist2018': small_image_sets.inaturalist,
    }
    small = makers[name](name, server, monkeypatch)
    monkeypatch.setitem(catalogue.BUILDERS, name, lambda: small)
    return small


def with_counts(entry, **counts):
    """The entry with other numbers of images of each of its classes."""
    splits = [
        replace(split, class_counts=lambda n=counts[split.name]: n)
        for split in entry.splits
    ]
    return replace(entry, splits=splits)


def cifar(name, server, monkeypatch):
    from mmpretrain import datasets

    known = getattr(datasets, name.upper())
    num_classes, key = (10, 'labels') if name == 'cifar10' else (100, 'fine_labels')
    labels = list(range(num_classes)) * PER_CLASS
    files, md5 = {f'{known.base_folder}/readme.html': b'CIFAR'}, {}
    for file, _ in [*known.train_list, *known.test_list]:
        images = np.zeros((len(labels), 3072), dtype=np.uint8)
        batch = pickle.dumps({'data': images, key: labels, 'name': file})
        files[f'{known.base_folder}/{file}'] = batch
        md5[file] = checksum('md5', batch).value
    meta = pickle.dumps({})
    files[f'{known.base_folder}/{known.meta["filename"]}'] = meta
    archive = tar(files, packed=True)
    for attribute in ('train_list', 'test_list'):
        batches = [[file, md5[file]] for file, _ in getattr(known, attribute)]
        monkeypatch.setattr(known, attribute, batches)
    meta_md5 = checksum('md5', meta).value
    monkeypatch.setattr(known, 'meta', {**known.meta, 'md5': meta_md5})
    monkeypatch.setattr(known, 'tgz_md5', checksum('md5', archive).value)
    monkeypatch.setattr(known, 'url', server.serve(known.filename, archive))
    per_class = PER_CLASS * len(known.train_list)
    train, test = [per_class] * num_classes, [PER_CLASS] * num_classes
    return with_counts(data_set(name), train=train, test=test)


def idx(array):
    """MNIST's file format."""
    sizes = struct.pack(f'>{array.ndim}I', *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def fashion_mnist(name, server, monkeypatch):
    entry = data_set(name)
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
