"""The feature cache: values of the model, reuse, and no partial files."""

import io
import resource
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Timeout

import numpy as np
import pytest
import torch
from filelock import FileLock
from mmengine.registry import init_default_scope
from numpy.testing import assert_allclose, assert_array_equal
from rich.console import Console

from mmgala.apis.data_splits import build_whole_split
from mmgala.datasets import digest as digest_module
from mmgala.evaluation.score_dump import stack_scores
from mmgala.retraining.features import cached_features
from tests.retraining.small_source import open_source, write_source

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    init_default_scope('mmpretrain')
    return write_source(tmp_path_factory.mktemp('source'))


def compute(source, split, folder):
    """Features, and what was printed."""
    console = Console(soft_wrap=True, record=True, file=io.StringIO())
    loader = build_whole_split(source.cfg, split, ())
    found = cached_features(source, split, loader, folder, console)
    return found, console.export_text()


@pytest.mark.parametrize('split', ['train', 'val'])
def test_features_times_weights_are_the_models_own_scores(files, tmp_path, split):
    source = open_source(files)

    found, text = compute(source, split, tmp_path)

    loader = build_whole_split(source.cfg, split, ())
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
    labels = digest_module.dataset_labels
    monkeypatch.setattr(digest_module, 'dataset_labels', lambda data: 9 - labels(data))

    _, text = compute(open_source(files), 'val', tmp_path)

    assert 'The labels of val have changed: new features.' in text
    assert 'are in' in text


def test_images_that_changed_in_their_files_are_noticed(files, tmp_path, monkeypatch):
    compute(open_source(files), 'val', tmp_path)
    monkeypatch.setattr(digest_module, '_images_digest', lambda data: 'others')

    _, text = compute(open_source(files), 'val', tmp_path)

    assert 'The image files of val have changed: new features.' in text
    assert 'are in' in text


def test_a_failed_run_leaves_no_files(files, tmp_path, monkeypatch):
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


def test_what_a_killed_run_left_is_removed(files, tmp_path):
    found, _ = compute(open_source(files), 'val', tmp_path)
    (whole,) = tmp_path.iterdir()
    abandoned = tmp_path / f'.{whole.name}.abc.partial' / whole.name
    abandoned.parent.mkdir()
    whole.rename(abandoned)

    again, text = compute(open_source(files), 'val', tmp_path)

    assert 'are in' in text
    assert list(tmp_path.iterdir()) == [whole]
    assert_array_equal(again.features[slice(None)], found.features[slice(None)])


def test_another_process_with_the_same_features_is_waited_for(files, tmp_path):
    computed, _ = compute(open_source(files), 'val', tmp_path / 'first')
    (whole,) = (tmp_path / 'first').iterdir()
    (tmp_path / 'second').mkdir()
    lock = FileLock(tmp_path / 'second' / f'.{whole.name}.lock', thread_local=False)
    lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(compute, open_source(files), 'val', tmp_path / 'second')
        with pytest.raises(Timeout):
            waiting.result(timeout=1)
        whole.rename(tmp_path / 'second' / whole.name)
        lock.release()
        found, text = waiting.result(timeout=60)

    assert 'are taken from' in text
    assert_array_equal(found.features[slice(None)], computed.features[slice(None)])


def test_a_full_disk_gives_a_message_and_leaves_no_files(files, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    message = 'features, 0 MB, were not written to .* name another folder .*--features'
    try:
        with pytest.raises(OSError, match=message):
            compute(open_source(files), 'val', tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert list(tmp_path.iterdir()) == []


def test_scores_that_are_not_the_softmax_of_the_layer_are_refused(tmp_path, files):
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

    with pytest.raises(ValueError, match='used once per batch, but it was used 2'):
        compute(source, 'val', tmp_path)


def test_labels_out_of_range_are_refused_before_the_model_runs(
    files, tmp_path, monkeypatch
):
    source = open_source(files)
    monkeypatch.setattr(source.model, 'test_step', None)
    monkeypatch.setattr(source.layer, 'out_features', 9)

    with pytest.raises(ValueError, match='labels between 0 and 8'):
        compute(source, 'val', tmp_path)
