"""Cached features are the model's, found again, and never half written."""

import io
import os
import resource
import time

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose, assert_array_equal
from rich.console import Console

from mmgala.apis.inference import build_whole_split
from mmgala.evaluation.score_dump import stack_scores
from mmgala.retraining import feature_cache
from mmgala.retraining.feature_cache import FeatureFile, cached_features, write_rows
from tests.retraining.small_source import open_source, write_source


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    init_default_scope('mmpretrain')
    return write_source(tmp_path_factory.mktemp('source'))


def compute(source, split, folder):
    """Features, and what was printed."""
    console = Console(soft_wrap=True, record=True, file=io.StringIO())
    loader = build_whole_split(source.cfg, split)
    found = cached_features(source, split, loader, folder, console)
    return found, console.export_text()


@pytest.mark.parametrize('split', ['train', 'val'])
def test_features_times_weights_are_the_models_own_scores(files, tmp_path, split):
    source = open_source(files)

    found, text = compute(source, split, tmp_path)

    loader = build_whole_split(source.cfg, split)
    with torch.no_grad():
        samples = [s.to_dict() for data in loader for s in source.model.test_step(data)]
    rows = torch.from_numpy(found.features[slice(None)])
    scores = torch.nn.functional.linear(rows, source.layer.weight, source.layer.bias)
    assert_allclose(
        scores.detach().softmax(dim=1), stack_scores(samples), rtol=1e-5, atol=1e-7
    )
    assert_array_equal(found.labels, [int(s['gt_label']) for s in samples])
    assert f'Features of {split} are in ' in text
    assert len(found.features) == len(samples)


def test_features_are_computed_once(files, tmp_path, monkeypatch):
    first, _ = compute(open_source(files), 'val', tmp_path)
    source = open_source(files)
    monkeypatch.setattr(source.model, 'test_step', None)  # not to be called

    second, text = compute(source, 'val', tmp_path)

    assert 'Features of val are taken from ' in text
    assert_array_equal(first.features[slice(None)], second.features[slice(None)])
    assert_array_equal(first.labels, second.labels)
    assert len(list(tmp_path.iterdir())) == 1


TRAIN = 'train_dataloader__dataset'


@pytest.mark.parametrize(
    'changes',
    [
        {f'{TRAIN}__imbalance_factor': 10},  # other samples
        {'test_dataloader__dataset__pipeline': [
            dict(type='RandomFlip', prob=1.0), dict(type='PackInputs')]},
        {'data_preprocessor__mean': [0.0, 0.0, 0.0]},
        {'model__backbone__strides': (1, 1, 2)},
    ],
    ids=['data', 'pipeline', 'preprocessing', 'model'],
)  # fmt: skip
def test_other_data_or_model_have_other_features(files, tmp_path, changes):
    first, _ = compute(open_source(files), 'train', tmp_path)

    second, text = compute(open_source(files, **changes), 'train', tmp_path)

    assert 'Features of train are in ' in text
    assert first.features.shape != second.features.shape or not np.allclose(
        first.features[slice(None)], second.features[slice(None)]
    )


def test_features_do_not_depend_on_what_only_training_needs(files, tmp_path):
    compute(open_source(files), 'train', tmp_path)
    changes = dict(train_cfg__max_epochs=9, train_dataloader__batch_size=7,
                   optim_wrapper__optimizer__lr=0.5)  # fmt: skip

    _, text = compute(open_source(files, **changes), 'train', tmp_path)

    assert 'are taken from' in text


def test_another_checkpoint_has_other_features(files, tmp_path):
    compute(open_source(files), 'val', tmp_path / 'features')
    state = torch.load(files.checkpoint, weights_only=True)['state_dict']
    state['backbone.conv1.weight'] *= -1
    other = type(files)(config=files.config, checkpoint=tmp_path / 'other.pth')
    torch.save({'state_dict': state}, other.checkpoint)

    _, text = compute(open_source(other), 'val', tmp_path / 'features')

    assert 'are in' in text


def test_labels_that_changed_in_their_file_are_noticed(files, tmp_path, monkeypatch):
    compute(open_source(files), 'val', tmp_path)
    labels = feature_cache.dataset_labels
    monkeypatch.setattr(feature_cache, 'dataset_labels', lambda data: 9 - labels(data))

    _, text = compute(open_source(files), 'val', tmp_path)

    assert 'are in' in text


def test_a_run_that_fails_leaves_nothing(files, tmp_path, monkeypatch):
    source = open_source(files, train_dataloader__batch_size=100)
    step, calls = source.model.test_step, []

    def second_time_fails(data):
        calls.append(data)
        if len(calls) == 2:
            assert list(tmp_path.iterdir())  # it is being written
            raise KeyboardInterrupt
        return step(data)

    monkeypatch.setattr(source.model, 'test_step', second_time_fails)

    with pytest.raises(KeyboardInterrupt):
        compute(source, 'train', tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_never_used_and_removed_later(files, tmp_path):
    found, _ = compute(open_source(files), 'val', tmp_path)
    (whole,) = tmp_path.iterdir()
    abandoned, recent = (tmp_path / f'{whole.name}.partial-{n}' for n in ('a', 'b'))
    whole.rename(abandoned)
    recent.mkdir()
    past = time.time() - 2 * feature_cache.ABANDONED_AFTER
    for path in (*abandoned.iterdir(), abandoned):
        os.utime(path, (past, past))

    again, text = compute(open_source(files), 'val', tmp_path)

    assert 'are in' in text
    assert set(tmp_path.iterdir()) == {whole, recent}  # another run may write it
    assert_array_equal(again.features[slice(None)], found.features[slice(None)])


def test_a_full_disk_is_told_and_nothing_left(files, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    message = 'features, 0 MB, were not written to .* name another folder .*--features'
    try:
        with pytest.raises(OSError, match=message):
            compute(open_source(files), 'val', tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert list(tmp_path.iterdir()) == []


def test_scores_that_are_no_softmax_of_the_layer_are_refused(tmp_path, files):
    head = dict(type='ArcFaceClsHead', num_classes=10, in_channels=32)
    source = open_source(
        files_with_head(files, tmp_path, head), model__head=dict(_delete_=True, **head)
    )

    with pytest.raises(ValueError, match=r'not the softmax .* head\.norm_product'):
        compute(source, 'val', tmp_path / 'features')

    assert list((tmp_path / 'features').iterdir()) == []


def files_with_head(files, folder, head):
    """The same weights with the class layer under the name that another head has."""
    state = torch.load(files.checkpoint, weights_only=True)['state_dict']
    state['head.norm_product.weight'] = state.pop('head.fc.weight')
    del state['head.fc.bias']
    torch.save({'state_dict': state}, folder / 'other.pth')
    return type(files)(config=files.config, checkpoint=folder / 'other.pth')


def test_a_layer_used_twice_is_refused(files, tmp_path, monkeypatch):
    source = open_source(files)

    def twice(feats):
        source.layer(feats[-1])
        return source.layer(feats[-1])

    monkeypatch.setattr(source.model.head, 'forward', twice)

    with pytest.raises(ValueError, match='used once for a batch, but it was used 2'):
        compute(source, 'val', tmp_path)


def test_labels_out_of_range_are_refused_before_the_model_runs(
    files, tmp_path, monkeypatch
):
    source = open_source(files)
    monkeypatch.setattr(source.model, 'test_step', None)
    monkeypatch.setattr(source.layer, 'out_features', 9)

    with pytest.raises(ValueError, match='labels between 0 and 8'):
        compute(source, 'val', tmp_path)


def test_rows_of_a_file_are_those_of_numpy(tmp_path):
    array = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    write_rows(tmp_path / 'f.npy', array.shape, iter(np.array_split(array, 7)))
    file = FeatureFile(tmp_path / 'f.npy')

    assert_array_equal(np.load(tmp_path / 'f.npy', allow_pickle=False), array)
    assert_array_equal(file[slice(10, 20)], array[10:20])
    indices = np.array([40, 3, 3, 0])
    rows = file[indices]
    rows += 1  # a copy
    assert_array_equal(file[indices], array[indices])
    assert (len(file), file.shape) == (50, (50, 3))


@pytest.mark.parametrize(
    ('array', 'message'),
    [(np.zeros((2, 3)), 'no float32 rows'), (np.zeros(3, np.float32), 'no float32')],
)
def test_files_of_anything_else(tmp_path, array, message):
    np.save(tmp_path / 'f.npy', array)
    with pytest.raises(ValueError, match=message):
        FeatureFile(tmp_path / 'f.npy')


def test_a_file_that_was_cut_off(tmp_path):
    path = tmp_path / 'f.npy'
    np.save(path, np.zeros((20, 3), np.float32))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match='cut off'):
        FeatureFile(path)


@pytest.mark.parametrize('rows', [4, 6])
def test_batches_that_do_not_add_up(tmp_path, rows):
    with pytest.raises(ValueError, match=f'Expected 5 samples, but got {rows}'):
        write_rows(tmp_path / 'f.npy', (5, 2), [np.zeros((rows, 2))])


def test_features_of_another_shape(tmp_path):
    with pytest.raises(ValueError, match=r'one feature of 2 values .* \(5, 7, 2\)'):
        write_rows(tmp_path / 'f.npy', (5, 2), [np.zeros((5, 7, 2))])
