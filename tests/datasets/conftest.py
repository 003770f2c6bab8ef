"""Small data sets with known labels."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpretrain.datasets import BaseDataset, CustomDataset


@pytest.fixture
def labelled(tmp_path):
    """Factory: an MMPretrain data set with these labels; sample i's path is i.png."""

    def make(labels, num_classes=None, **kwargs):
        metainfo = {}
        if num_classes is not None:
            metainfo['classes'] = [f'name{c}' for c in range(num_classes)]
        samples = [
            {'img_path': f'{i}.png', 'gt_label': label}
            for i, label in enumerate(labels)
        ]
        ann_file = tmp_path / 'annotations.json'
        ann_file.write_text(json.dumps({'metainfo': metainfo, 'data_list': samples}))
        return BaseDataset(ann_file=str(ann_file), **kwargs)

    return make


@pytest.fixture
def balanced(labelled):
    """Factory: ``per_class`` samples of each class, in a shuffled order."""

    def make(num_classes, per_class, **kwargs):
        labels = np.repeat(np.arange(num_classes), per_class)
        labels = np.random.default_rng(5).permutation(labels).tolist()
        return labelled(labels, num_classes, **kwargs)

    return make


@pytest.fixture
def image_folder(tmp_path):
    """A ``CustomDataset`` of generated images in a folder per class: 8, 5 and 2."""
    root = tmp_path / 'images'
    for name, count in (('ant', 8), ('bee', 5), ('cat', 2)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            grey = np.full((4, 4, 3), 10 * i, dtype=np.uint8)
            assert cv2.imwrite(str(Path(root, name, f'{i}.png')), grey)
    return CustomDataset(data_root=str(root), pipeline=[dict(type='LoadImageFromFile')])
