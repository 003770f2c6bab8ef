"""Data sets that can be prepared, by name."""

import functools
from collections.abc import Callable

from mmgala.preparation.cifar import CIFAR10, CIFAR100, cifar
from mmgala.preparation.data_set import DataSet
from mmgala.preparation.fashion_mnist import fashion_mnist
from mmgala.preparation.image_sets import imagenet_lt, inaturalist, places_lt
from mmgala.preparation.plankton import plankton

BUILDERS: dict[str, Callable[[], DataSet]] = {
    'cifar10': functools.partial(cifar, CIFAR10),
    'cifar100': functools.partial(cifar, CIFAR100),
    'plankton': plankton,
    'fashion-mnist': fashion_mnist,
    'imagenet-lt': imagenet_lt,
    'places-lt': places_lt,
    'inaturalist2018': inaturalist,
}


def find_data_set(name: str) -> DataSet:
    """Return the description of a data set.

    Raises:
        ValueError: if the name is unknown.
    """
    if name not in BUILDERS:
        raise ValueError(f'Expected one of {", ".join(BUILDERS)}, but got {name!r}.')
    return BUILDERS[name]()
