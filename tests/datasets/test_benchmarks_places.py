"""PlacesLT on the official lists, without images."""

import json
import lzma

import pytest

from mmgala.datasets import PlacesLT, count_classes
from mmgala.functional import shot_groups


@pytest.fixture(scope='module')
def real_places(shared_dir, tmp_path_factory):
    """The official lists of Places-LT, without images."""
    root = tmp_path_factory.mktemp('places')
    for split in ('train', 'val', 'test'):
        name = f'Places_LT_{split}.txt'
        data = (shared_dir / 'data' / f'{name}.xz').read_bytes()
        (root / name).write_bytes(lzma.decompress(data))
    return root


@pytest.mark.parametrize(
    ('split', 'images', 'per_class'),
    [('train', 62500, None), ('val', 7300, 20), ('test', 36500, 100)],
)
def test_real_places_lists(real_places, shared_dir, split, images, per_class):
    dataset = PlacesLT(str(real_places), split, check_images=False)

    recorded = json.loads((shared_dir / 'data/Places_LT.json').read_text())
    assert len(dataset) == images
    own = [per_class] * 365 if per_class else recorded
    assert count_classes(dataset) == own
    counts = dataset.metainfo['class_counts']
    assert counts == recorded
    assert tuple(map(len, shot_groups(counts))) == (131, 163, 71)
    first = (real_places / f'Places_LT_{split}.txt').read_text().split('\n')[0]
    info = dataset.get_data_info(0)
    assert f'{info["img_path"]} {info["gt_label"]}' == f'{real_places}/{first}'


def test_real_places_are_named_by_their_folders(real_places):
    names = PlacesLT(str(real_places), 'test', check_images=False).metainfo['classes']

    assert len(set(names)) == 365
    assert names[:2] == ('airfield', 'airplane_cabin')
    assert names[15:18] == ('arena/hockey', 'arena/performance', 'arena/rodeo')
    assert names[8] == 'apartment_building/outdoor'


@pytest.mark.parametrize('split', ['val', 'test'])
def test_real_places_have_the_same_names_without_the_training_list(
    real_places, tmp_path, split
):
    name = f'Places_LT_{split}.txt'
    (tmp_path / name).symlink_to(real_places / name)

    alone = PlacesLT(str(tmp_path), split, check_images=False).metainfo
    beside = PlacesLT(str(real_places), 'train', check_images=False).metainfo

    assert alone['classes'] == beside['classes']
    assert alone['class_counts'] == beside['class_counts']  # the official ones
