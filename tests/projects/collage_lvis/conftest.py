"""A small set of collages."""

import pytest

from projects.collage_lvis.collage_set import make_collage_set
from tests.preparation.tiny_fashion_mnist import tiny_fashion_mnist
from tests.projects.collage_lvis.small_set import SMALL


@pytest.fixture(scope='module')
def fashion_mnist(tmp_path_factory):
    return tiny_fashion_mnist(tmp_path_factory.mktemp('fashion') / 'set')


@pytest.fixture(scope='module')
def root(tmp_path_factory, fashion_mnist):
    out = tmp_path_factory.mktemp('collages') / 'set'
    assert make_collage_set(fashion_mnist, out, SMALL)
    return out
