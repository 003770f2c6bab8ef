"""LongTailedDataset over users' data sets: imbalanced folders, multi-label sets."""

import json

import pytest
from mmpretrain.datasets import VOC, CustomDataset, MultiLabelDataset

from mmgala.datasets import LongTailedDataset

MULTI_LABEL = 'multi-label data sets are not supported'


@pytest.fixture
def folders(tmp_path):
    """A folder per class with empty files: 9 ants, 3 bees, 12 cats."""
    for name, count in (('ant', 9), ('bee', 3), ('cat', 12)):
        (tmp_path / name).mkdir()
        for i in range(count):
            (tmp_path / name / f'{i}.jpg').touch()
    return CustomDataset(data_root=str(tmp_path))


@pytest.mark.parametrize(
    ('factor', 'counts'),
    # The middle class has the head's size over the root of the factor: 3 bees are
    # enough for 9 ants at 9, and for 7 at 4 (7 / 2 is 3, 8 / 2 would be 4).
    [(9, [9, 3, 1]), (4, [7, 3, 1]), (1, [3, 3, 3])],
)
def test_imbalanced_folders_give_the_largest_possible_subset(folders, factor, counts):
    dataset = LongTailedDataset(folders, factor)

    paths = [dataset[i]['img_path'].split('/')[-2] for i in range(len(dataset))]
    assert [paths.count(name) for name in ('ant', 'bee', 'cat')] == counts
    assert dataset.metainfo['class_counts'] == counts


@pytest.mark.parametrize(
    'labels', [[[0], [0, 1]], [[0], [1]], [[0, 1], [1, 0]], [[0], []]], ids=str
)
def test_multi_label_set_is_refused(tmp_path, labels):
    samples = [{'img_path': f'{i}.png', 'gt_label': x} for i, x in enumerate(labels)]
    content = {'metainfo': {'classes': ['a', 'b']}, 'data_list': samples}
    (tmp_path / 'multi.json').write_text(json.dumps(content))

    with pytest.raises(ValueError, match=f'MultiLabelDataset.*{MULTI_LABEL}'):
        LongTailedDataset(MultiLabelDataset(ann_file=str(tmp_path / 'multi.json')), 2)


@pytest.mark.parametrize('names', [['dog', 'cat dog'], ['dog', 'cat']], ids=str)
def test_voc_is_refused(tmp_path, names):
    for folder in ('ImageSets/Main', 'Annotations'):
        (tmp_path / folder).mkdir(parents=True)
    for i, objects in enumerate(names):
        xml = ''.join(
            f'<object><name>{name}</name><difficult>0</difficult></object>'
            for name in objects.split()
        )
        path = tmp_path / f'Annotations/{i}.xml'
        path.write_text(f'<annotation>{xml}</annotation>')
    (tmp_path / 'ImageSets/Main/trainval.txt').write_text('0\n1\n')

    voc = VOC(data_root=str(tmp_path), split='trainval')

    assert [len(voc[i]['gt_label']) for i in range(2)] == [
        len(n.split()) for n in names
    ]
    with pytest.raises(ValueError, match=f'VOC.*{MULTI_LABEL}'):
        LongTailedDataset(voc, 2)
