"""A data set of one list and one folder of images."""

import numpy as np

from mmgala.preparation import make_plan, run_plan
from mmgala.preparation.data_set import DataSet, Part
from tests.preparation.archives import checksum, tar, tree

IMAGES = {
    f'images/{name}.jpg': np.random.default_rng(i).bytes(30_000)
    for i, name in enumerate('abcdefgh')
}
LIST = b'images/a.jpg 0\n'


def tiny_set(server):
    """The data set, served by ``server``."""
    archive = tar({'images': None, **IMAGES}, packed=True)
    parts = [
        Part(
            'list.txt',
            'list.txt',
            server.serve('list.txt', LIST),
            len(LIST),
            checksum('md5', LIST),
        ),
        Part(
            'images',
            'small.tar.gz',
            server.serve('small.tar.gz', archive),
            len(archive),
            checksum('md5', archive),
            packing='tar',
            unpacked_size=300_000,
        ),
    ]
    return DataSet('small', 'unused', 'home', parts, [], by_hand='Ask for it.')


def prepare(small, root, source=None):
    """Prepare a set as the tool does."""
    run_plan(make_plan(small, root, source), small, root, source)


def assert_complete(root):
    """Assert that the data set is complete, with no other files but the archive."""
    found = tree(root)
    found.pop('small.tar.gz')
    assert found == {**IMAGES, 'list.txt': LIST}
