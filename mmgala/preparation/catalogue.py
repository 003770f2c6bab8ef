"""What can be prepared, by name."""

import functools
from collections.abc import Callable

from mmgala.preparation.cifar import CIFAR10, CIFAR100, cifar
from mmgala.preparation.fashion_mnist import fashion_mnist
from mmgala.preparation.image_sets import imagenet_lt, inaturalist, places_lt
from mmgala.preparation.parts import DataSet
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
NAMES = tuple(BUILDERS)


def data_set(name: str) -> DataSet:
    """Entry of the catalogue.

    Raises:
        ValueError: if there is no such entry.
    """
    if name not in BUILDERS:
        raise ValueError(f'Expected one of {", ".join(BUILDERS)}, but got {name!r}.')
    return BUILDERS[name]()
