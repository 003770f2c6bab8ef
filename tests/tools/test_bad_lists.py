"""Bad image lists give a one-line error before the first training step."""

import pytest
import torch

from tests.tools.spoiled import assert_refused, linked, start

NAME = 'gala/resnext50_imagenet-lt'
SPLITS = ('train', 'val', 'test')


@pytest.fixture
def imagenet(tmp_path, miniatures):
    return linked(miniatures.imagenet, tmp_path / 'imagenet')


def replace(number, new):
    """Function that changes a line of a list; ``new`` is text or a function."""

    def change(lines):
        old = lines[number - 1]
        lines[number - 1] = new(old) if callable(new) else new

    return change


# Changed training list of 185 lines, 104 of them of class 0, and the expected error.
# All kinds of invalid lines are in tests/datasets/readers/test_image_list.py.
LISTS = {
    'missing image': (
        replace(7, 'train/n01440764/n01440764_99999.JPEG 0'),
        r'1 of 185 images are missing in \S+, first '
        r'train/n01440764/n01440764_99999\.JPEG \(\S+/ImageNet_LT_train\.txt:7\)',
    ),
    'label beyond the number of classes': (
        replace(9, lambda line: line.replace(' 0', ' 6')),
        r'_train\.txt:9: the label 6 is not below the number of classes, 6',
    ),
    'class without images': (
        lambda lines: lines.__setitem__(
            slice(None), [line for line in lines if not line.endswith(' 4')]
        ),
        r'_train\.txt: class 4 \(e\) has no training images',
    ),
}


@pytest.mark.parametrize('kind', LISTS)
def test_training_list(kind, imagenet, miniatures, tmp_path):
    change, message = LISTS[kind]
    path = imagenet / 'ImageNet_LT_train.txt'
    lines = path.read_text().splitlines()
    assert len(lines) == 185
    change(lines)
    path.write_text(''.join(f'{line}\n' for line in lines))

    end = start(NAME, miniatures, imagenet, tmp_path)

    assert_refused(end, message, tmp_path)


def test_windows_line_ends_are_accepted(imagenet, miniatures, tmp_path):
    for split in SPLITS:
        path = imagenet / f'ImageNet_LT_{split}.txt'
        path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n'))

    end = start(NAME, miniatures, imagenet, tmp_path)

    assert end is None
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()


def test_validation_list_is_checked_before_training(imagenet, miniatures, tmp_path):
    path = imagenet / 'ImageNet_LT_val.txt'
    path.write_text(path.read_text().replace('n01440764_104', 'n01440764_nothing'))

    end = start(NAME, miniatures, imagenet, tmp_path)

    assert_refused(end, r'first \S+_nothing\.JPEG \(\S+_val\.txt:1\)', tmp_path)


def test_wrong_root(miniatures, tmp_path):
    end = start(NAME, miniatures, tmp_path / 'nowhere', tmp_path)

    message = r'nowhere/ImageNet_LT_train\.txt: no such annotation file\..*data_root'
    assert_refused(end, message, tmp_path)


def test_wrong_image_root(imagenet, miniatures, tmp_path):
    end = start(NAME, miniatures, imagenet, tmp_path,
                train_dataloader__dataset__data_prefix='images')  # fmt: skip

    assert_refused(end, r'imagenet/images: no such image folder', tmp_path)


def test_number_of_classes_of_another_set(imagenet, miniatures, tmp_path):
    """Six classes in the data, and a model for five."""
    end = start(NAME, miniatures, imagenet, tmp_path, model__head__num_classes=5)

    message = r'num_classes is 5, but .* 6 classes .*model\.head\.num_classes=6'
    assert_refused(end, message, tmp_path)


def test_class_aware_sampling_of_an_empty_class(imagenet, miniatures, tmp_path):
    """The data set is complete, but only its first 104 images are used."""
    weights = tmp_path / 'any.pth'
    torch.save({'state_dict': {}}, weights)

    end = start(NAME, miniatures, imagenet, tmp_path, f'load_from={weights}',
                train_dataloader__dataset__indices=104)  # fmt: skip

    assert_refused(end, r'class 1 \(b\) of ImageNetLT has none \(empty', tmp_path)
