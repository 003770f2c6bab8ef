"""Tables of images are saved in order of label and name; invalid ones are refused."""

import numpy as np
import pytest

from mmgala.preparation.images import ImageTable


@pytest.fixture
def files(tmp_path):
    return tmp_path / 'images.npy', tmp_path / 'labels.npy'


def pixels(value):
    return np.full((2, 2), value, dtype=np.uint8)


def test_images_are_sorted_by_label_and_name(files):
    table = ImageTable('images in a.zip', [1, 2], (2, 2))
    for label, name, value in ((1, 'b.png', 3), (0, 'z.png', 1), (1, 'a.png', 2)):
        table.add(label, name, pixels(value))

    keys = table.save(*files)

    assert keys == [(0, 'z.png'), (1, 'a.png'), (1, 'b.png')]
    images, labels = (np.load(path) for path in files)
    assert images[:, 0, 0].tolist() == [1, 2, 3]
    assert labels.tolist() == [0, 1, 1]


def test_error_for_a_source_without_images_says_what_is_expected(files):
    table = ImageTable('train images in other.zip', [1, 2], (2, 2))

    message = 'no train images in other.zip: expected a folder for each class'
    with pytest.raises(ValueError, match=message):
        table.save(*files)
    assert not any(path.exists() for path in files)
