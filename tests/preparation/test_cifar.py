"""Every form of CIFAR gives the same files, which the data set reads."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from mmgala.datasets import ArrayDataset
from mmgala.preparation import check, find_data_set, make_plan, run_plan
from mmgala.preparation.cifar import CIFAR10, CIFAR100
from tests.preparation.archives import checksum, made_files, tar
from tests.preparation.tiny_cifar import (
    CLASSES,
    PER_CLASS,
    SPLITS,
    Images,
    unpack,
    zipped,
)
from tests.preparation.tiny_set import prepare

FILES = {'train_images.npy', 'train_labels.npy', 'test_images.npy', 'test_labels.npy',
         'classes.txt', 'SHA256SUMS'}  # fmt: skip


def as_zip(images, path):
    path.write_bytes(zipped(images.png_files()))


def as_zip_without_top(images, path):
    path.write_bytes(zipped(images.png_files(top='')))


def as_zip_in_another_order(images, path):
    files = list(images.png_files().items())
    path.write_bytes(zipped(dict(files[::-1])))


def as_tar(images, path):
    path.write_bytes(tar({'./top': None, **images.png_files('./top/')}))


def as_packed_tar(images, path):
    path.write_bytes(tar(images.png_files(), packed=True))


def as_folder(images, path):
    unpack(images.png_files(), path)


def as_official_archive(images, path):
    path.write_bytes(images.archive())


def as_official_folder(images, path):
    unpack(images.official_files(), path)


def as_official_zip(images, path):
    path.write_bytes(zipped(images.official_files()))


def with_what_systems_add(images, path):
    junk = {'__MACOSX/top/train/apple/._a.png': b'?', 'top/.DS_Store': b'?',
            'top/train/apple/._b.png': b'?', 'top/train/Thumbs.db': b'?',
            'top/readme.txt': b'?', 'top/train/apple/notes.md': b'?',
            'top/train/.ipynb_checkpoints/x.png': b'?'}  # fmt: skip
    path.write_bytes(zipped({**junk, **images.png_files()}))


FORMS = [as_zip, as_zip_without_top, as_zip_in_another_order, as_tar, as_packed_tar,
         as_folder, as_official_archive, as_official_folder, as_official_zip,
         with_what_systems_add]  # fmt: skip


@pytest.mark.parametrize('name', ['cifar10', 'cifar100'])
@pytest.mark.parametrize('form', FORMS)
def test_every_form_gives_the_same_files(name, form, tmp_path, root):
    images = Images(name)
    form(images, tmp_path / 'source')

    prepare(images.entry(), root, tmp_path / 'source')

    assert {path.name for path in root.iterdir()} == FILES
    for split in SPLITS:
        pixels, labels = images.expected(split)
        found = np.load(root / f'{split}_images.npy')
        np.testing.assert_array_equal(found, pixels)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        found = np.load(root / f'{split}_labels.npy')
        np.testing.assert_array_equal(found, labels)
        assert found.dtype == np.int64
    assert (root / 'classes.txt').read_text() == 'apple\nbear\ncup\n'
    files = made_files(root)
    assert sorted(files.pop('SHA256SUMS').decode().splitlines()) == sorted(
        f'{checksum("sha256", content).value}  {file}'
        for file, content in files.items()
    )


def test_files_of_all_forms_are_byte_identical(tmp_path):
    images, found = Images(), []
    for number, form in enumerate(FORMS):
        form(images, tmp_path / f'{number}')
        prepare(images.entry(), tmp_path / f'root{number}', tmp_path / f'{number}')
        found.append(made_files(tmp_path / f'root{number}'))
    assert all(files == found[0] for files in found)


def test_the_unpacked_folder_of_the_official_archive_can_be_the_source(tmp_path, root):
    images = Images('cifar100')
    unpack(images.official_files(), tmp_path)

    prepare(images.entry(), root, tmp_path / 'cifar-100-python')

    assert check(images.entry(), root).problems == []


def test_the_data_set_reads_the_prepared_files(tmp_path, root):
    images = Images()
    as_zip(images, tmp_path / 'source.zip')
    prepare(images.entry(), root, tmp_path / 'source.zip')

    for split in SPLITS:
        data = ArrayDataset(str(root), split)
        pixels, labels = images.expected(split)
        assert data.metainfo['classes'] == CLASSES
        np.testing.assert_array_equal(data.get_gt_labels(), labels)
        np.testing.assert_array_equal(
            [data[i]['img'] for i in range(len(data))], pixels
        )


def test_the_official_archive_is_downloaded_without_a_source(server, root):
    images = Images()
    entry = images.entry(url=server.serve(CIFAR100.archive, images.archive()))

    prepare(entry, root)

    assert {path.name for path in root.iterdir()} == {*FILES, CIFAR100.archive}
    assert check(entry, root).problems == []
    np.testing.assert_array_equal(
        np.load(root / 'train_images.npy'), images.expected('train')[0]
    )


@pytest.mark.parametrize('known', [CIFAR10, CIFAR100], ids=['cifar10', 'cifar100'])
def test_classes_equal_those_of_mmpretrain(known):
    from mmpretrain import datasets

    classes = getattr(datasets, known.name.upper()).METAINFO['classes']
    assert list(known.images.classes) == list(classes) == sorted(classes)


@pytest.mark.parametrize('known', [CIFAR10, CIFAR100], ids=['cifar10', 'cifar100'])
def test_published_labels_and_classes_follow_from_the_counts(known):
    """Class by class, 5,000 and 1,000 or 500 and 100 of each."""
    classes = list(known.images.classes)
    contents = {'classes.txt': '\n'.join([*classes, '']).encode()}
    for split, total in (('train', 50_000), ('test', 10_000)):
        buffer = io.BytesIO()
        np.save(buffer, np.repeat(np.arange(len(classes)), total // len(classes)))
        contents[f'{split}_labels.npy'] = buffer.getvalue()

    for name, content in contents.items():
        assert checksum('sha256', content).value == known.sha256[name]


@pytest.fixture(scope='module')
def real(shared_dir, tmp_path_factory):
    """The real CIFAR-100, from its 60,000 PNG files."""
    source = shared_dir / 'data/cifar100.zip'
    if not source.is_file():
        pytest.skip(f'{source} is not here: the real set cannot be prepared')
    root = tmp_path_factory.mktemp('cifar100')
    cifar100 = find_data_set('cifar100')
    run_plan(make_plan(cifar100, root, source), cifar100, root, source)
    return root


@pytest.mark.slow
def test_the_real_set_is_the_published_one(real):
    """Mean and standard deviation of its channels are widely published."""
    images = np.load(real / 'train_images.npy', mmap_mode='r')

    total = np.stack([images[i : i + 5000].sum((0, 1, 2), dtype=np.int64)
                      for i in range(0, 50_000, 5000)]).sum(0)  # fmt: skip
    squares = np.stack([(images[i : i + 1000].astype(np.int64) ** 2).sum((0, 1, 2))
                        for i in range(0, 50_000, 1000)]).sum(0)  # fmt: skip
    mean = total / (50_000 * 1024) / 255
    deviation = np.sqrt(squares / (50_000 * 1024) / 255**2 - mean**2)
    np.testing.assert_allclose(mean, [0.50707516, 0.48654887, 0.44091784], atol=1e-8)
    np.testing.assert_allclose(
        deviation, [0.26733429, 0.25643846, 0.27615047], atol=1e-8
    )
    assert check(find_data_set('cifar100'), real).problems == []


@pytest.mark.slow
def test_the_real_set_is_sorted_by_name(real, shared_dir):
    images = np.load(real / 'test_images.npy', mmap_mode='r')
    with zipfile.ZipFile(shared_dir / 'data/cifar100.zip') as archive:
        names = sorted(n for n in archive.namelist() if n.startswith('cifar100/test/'))
        for index in (0, 99, 100, 4321, 9999):
            expected = Image.open(io.BytesIO(archive.read(names[index])))
            np.testing.assert_array_equal(images[index], np.asarray(expected))


def test_counts_of_the_miniature_match_its_images():
    """Validates the miniature that the tests above use."""
    labels = Images().labels
    assert {s: np.bincount(labels[s]).tolist() for s in SPLITS} == {
        s: [n] * 3 for s, n in PER_CLASS.items()
    }
