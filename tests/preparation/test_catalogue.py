"""The catalogue agrees with its sources, the data sets and the configs."""

import hashlib
import lzma
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmgala.names import DATA_SET_NAMES
from mmgala.preparation import cifar, find_data_set
from mmgala.preparation.catalogue import BUILDERS
from mmgala.preparation.data_set import Checksum

CONFIGS = Path(__file__).parents[2] / 'configs'


def part_of(name, target):
    (part,) = (part for part in find_data_set(name).parts if part.target == target)
    return part


def test_the_command_offers_every_data_set():
    assert tuple(BUILDERS) == DATA_SET_NAMES


@pytest.mark.parametrize('name', DATA_SET_NAMES)
def test_every_file_has_a_source_and_a_checksum(name):
    entry = find_data_set(name)
    assert entry.name == name
    for part in entry.parts:
        assert part.checksum or any(part.files.values()) or part.check_source, (
            part.target
        )
        assert part.url is not None or entry.by_hand, part.target
        assert part.url is None or re.match(r'https?://', part.url)
        assert part.size > 0
        for known in (part.checksum, *part.files.values()):
            if known is not None:
                length = {'md5': 32, 'sha256': 64}[known.kind]
                assert re.fullmatch(f'[0-9a-f]{{{length}}}', known.value)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match='one of cifar10, .*inaturalist2018, but got'):
        find_data_set('mnist')


@pytest.mark.parametrize('name', ['CIFAR10', 'CIFAR100'])
def test_cifar_is_as_in_torchvision(name):
    from torchvision import datasets

    known, ours = getattr(datasets, name), getattr(cifar, name)
    (part,) = find_data_set(name.lower()).parts
    assert (part.url, part.source) == (known.url, known.filename)
    assert part.checksum == Checksum('md5', known.tgz_md5)
    assert ours.images.batches == {
        f'{known.base_folder}/{file}': md5 for file, md5 in known.train_list
    } | {f'{known.base_folder}/{file}': md5 for file, md5 in known.test_list}


def test_fashion_mnist_is_as_in_torchvision():
    from torchvision.datasets import FashionMNIST

    parts = find_data_set('fashion-mnist').parts
    assert [(p.source, p.checksum.value) for p in parts] == FashionMNIST.resources


def test_fashion_mnist_is_where_mmpretrain_looks_for_it():
    from mmpretrain.datasets import FashionMNIST

    for part in find_data_set('fashion-mnist').parts:
        assert part.url == FashionMNIST.url_prefix + part.source


def test_archives_are_as_in_torchvision():
    from torchvision.datasets import Places365
    from torchvision.datasets.imagenet import ARCHIVE_META

    images = Places365._IMAGES_META
    for split, target in (('train-standard', 'train'), ('val', 'val')):
        part = part_of('places-lt', target)
        assert (part.source, part.checksum.value) == images[split, True]
        assert part.url == Places365._BASE_URL + part.source
    for target in ('train', 'val'):
        part = part_of('imagenet-lt', target)
        assert (part.source, part.checksum.value) == ARCHIVE_META[target]
        assert part.url is None


@pytest.mark.parametrize('name', ['ImageNetLT', 'PlacesLT', 'INaturalist2018'])
def test_annotations_are_where_the_data_sets_look(name):
    from mmgala import datasets

    known = getattr(datasets, name)
    entry = find_data_set(known.NAME)
    needs = {split.name: tuple(split.needs) for split in entry.splits}
    assert needs == {split: names[:1] for split, names in known.ANN_FILES.items()}
    targets = {part.target for part in entry.parts}
    assert targets >= {name for names in needs.values() for name in names}


@pytest.mark.parametrize(
    ('name', 'totals'),
    [
        ('cifar10', [50_000, 10_000]),
        ('cifar100', [50_000, 10_000]),
        ('plankton', [18_190, 4_549, 7_597]),
        ('fashion-mnist', [60_000, 10_000]),
        ('imagenet-lt', [115_846, 20_000, 50_000]),
        ('places-lt', [62_500, 7_300, 36_500]),
        ('inaturalist2018', [437_513, 24_426]),
    ],
)
def test_sizes_of_the_splits(name, totals):
    assert [sum(split.class_counts()) for split in find_data_set(name).splits] == totals


@pytest.mark.parametrize('name', DATA_SET_NAMES)
def test_the_root_is_where_the_configs_look(name):
    root = find_data_set(name).root
    configs = ''.join(path.read_text() for path in CONFIGS.rglob('*.py'))
    assert re.search(rf"data_root\s*=\s*'{root}'", configs)


@pytest.fixture(scope='module')
def real_lists(tmp_path_factory, shared_dir):
    """The published lists of Places-LT."""
    root = tmp_path_factory.mktemp('places')
    for path in (shared_dir / 'data').glob('Places_LT_*.txt.xz'):
        (root / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    return root


def test_checksums_of_the_real_lists(real_lists):
    for part in find_data_set('places-lt').parts[:3]:
        content = (real_lists / part.target).read_bytes()
        assert part.size == len(content)
        (known,) = part.files.values()
        assert known.value == hashlib.sha256(content).hexdigest()


def test_images_of_the_real_lists(real_lists):
    train = part_of('places-lt', 'train').select(real_lists)
    assert len(train) == len(set(train.values())) == 62_500 + 7_300
    assert train['data_256/a/airfield/00004851.jpg'] == 'train/airfield/00004851.jpg'
    hockey = [path for path in train.values() if path.startswith('train/arena/hockey/')]
    names = {path.rpartition('/')[2] for path in hockey}
    assert {f'data_256/a/arena/hockey/{name}' for name in names} <= train.keys()

    test = part_of('places-lt', 'val').select(real_lists)
    assert len(test) == len(set(test.values())) == 36_500
    first = 'Places365_val_00003597.jpg'
    assert test[f'val_256/{first}'] == f'val/airfield/{first}'


def test_counts_of_the_real_lists(real_lists):
    for split in find_data_set('places-lt').splits:
        _, labels = split.read(real_lists)
        counts = list(split.class_counts())
        assert [int((labels == c).sum()) for c in range(len(counts))] == counts


def test_slow_libraries_are_imported_when_they_are_needed():
    program = (
        'import sys; from mmgala.preparation import find_data_set; '
        'find_data_set("places-lt"); '
        'sys.exit(bool({"torch", "mmengine", "mmpretrain"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
