"""Whether the validation set is the test set."""

import pytest
from mmengine.config import Config

from mmgala.apis.data_splits import validates_on_test


def loader(pipeline, **changes):
    return dict(dataset=dict(type='X', split='test', pipeline=[pipeline], **changes))


def wrapped(pipeline, **changes):
    """Two data sets in one, with a pipeline each."""
    inner = [loader(pipeline, **changes)['dataset'], dict(type='Y', pipeline=[])]
    return dict(dataset=dict(type='ConcatDataset', datasets=inner))


@pytest.mark.parametrize('form', [loader, wrapped])
def test_pipelines_do_not_make_another_set(form):
    cfg = Config(dict(val_dataloader=form('A'), test_dataloader=form('B')))
    assert validates_on_test(cfg)


@pytest.mark.parametrize('form', [loader, wrapped])
def test_other_images_do(form):
    other = form('A', data_root='elsewhere')
    assert not validates_on_test(Config(dict(val_dataloader=other,
                                             test_dataloader=form('A'))))  # fmt: skip


def test_batches_and_workers_do_not():
    val = dict(loader('A'), batch_size=2, num_workers=3)
    assert validates_on_test(Config(dict(val_dataloader=val,
                                         test_dataloader=loader('A'))))  # fmt: skip


@pytest.mark.parametrize('missing', ['val', 'test'])
def test_one_that_is_missing(missing):
    cfg = dict(val_dataloader=loader('A'), test_dataloader=loader('A'))
    assert not validates_on_test(Config({**cfg, f'{missing}_dataloader': None}))
    del cfg[f'{missing}_dataloader']
    assert not validates_on_test(Config(cfg))
