"""Annotation files in the format of LVIS."""

import pytest

from mmgala.detection.lvis.dataset import LVISDataset
from tests.detection.lvis.tiny_lvis import tiny
from tests.detection.lvis_files import (
    random_lvis,
    random_predictions,
    write_lvis,
)


@pytest.fixture
def case(tmp_path):
    """Factory: annotation file, its content and predictions."""

    def make(seed=0, change=None, crowded=0, masks=True, **sizes):
        content = random_lvis(seed, **sizes)
        if change:
            change(content)
        path = write_lvis(tmp_path / 'lvis.json', content)
        return path, content, random_predictions(content, seed, crowded, masks=masks)

    return make


@pytest.fixture
def tiny_set(tmp_path):
    """Factory: data set of the tiny file, which may be changed before."""

    def make(change=None, **kwargs):
        content = tiny()
        if change:
            content = change(content) or content
        write_lvis(tmp_path / 'lvis.json', content)
        return LVISDataset('lvis.json', data_root=str(tmp_path), **kwargs)

    return make
