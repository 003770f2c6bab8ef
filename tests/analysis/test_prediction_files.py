"""Prediction dumps: read as ScoreDump writes them; bad files are refused by name."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from mmgala.analysis.prediction_files import (
    PredictionDump,
    check_same_data,
    read_predictions,
)
from mmgala.evaluation import ScoreDump
from tests.evaluation.predictions import biased_scores, evaluate

COUNTS = [90, 30, 6, 2]
NAMES = ['cat', 'dog', 'gnu', 'yak']


@pytest.fixture
def arrays():
    scores, targets = biased_scores(23, 4)
    return {
        'pred_score': scores,
        'gt_label': targets,
        'class_counts': np.array(COUNTS),
        'class_names': np.array(NAMES),
    }


@pytest.fixture
def dump(arrays):
    scores, targets, counts, _ = arrays.values()
    return PredictionDump(scores, targets, counts, NAMES)


def written(path, arrays):
    np.savez_compressed(path, **arrays)
    return path


def error_of(path):
    with pytest.raises(ValueError, match=r'\.(npz|pkl)') as caught:
        read_predictions(path)
    message = str(caught.value)
    assert path.name in message
    assert len(message.splitlines()) == 1
    return message


def test_reads_what_score_dump_writes(tmp_path, arrays):
    path = tmp_path / 'scores.npz'
    writer = ScoreDump(str(path))
    writer.dataset_meta = {'class_counts': COUNTS, 'classes': NAMES}
    evaluate(writer, arrays['pred_score'], arrays['gt_label'])

    dump = read_predictions(path)

    np.testing.assert_array_equal(dump.scores, arrays['pred_score'])
    np.testing.assert_array_equal(dump.targets, arrays['gt_label'])
    assert dump.class_counts.tolist() == COUNTS
    assert dump.class_names == NAMES


def test_counts_and_names_may_be_unknown(tmp_path, arrays):
    del arrays['class_counts'], arrays['class_names']
    dump = read_predictions(str(written(tmp_path / 'x.npz', arrays)))
    assert dump.class_counts is None
    assert dump.class_names is None


@pytest.mark.parametrize('kind', [np.float16, np.float64])
def test_other_dtypes_are_converted(tmp_path, arrays, kind):
    given = arrays['pred_score'].astype(kind)
    arrays |= {'pred_score': given, 'gt_label': arrays['gt_label'].astype(np.uint8)}
    dump = read_predictions(written(tmp_path / 'x.npz', arrays))
    assert dump.scores.dtype == np.float32
    assert dump.targets.dtype == np.int64
    np.testing.assert_array_equal(dump.scores, given.astype(np.float32))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no\.npz does not exist.*mmgala test'):
        read_predictions(tmp_path / 'no.npz')


def test_pickle_is_not_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ('the pickle was loaded',)

    path = tmp_path / 'results.pkl'
    path.write_bytes(pickle.dumps(Bomb()))
    assert 'is a pickle file' in (message := error_of(path))
    assert '--out x.npz' in message
    disguised = path.rename(tmp_path / 'x.npz')
    assert 'not an .npz file' in error_of(disguised)


def test_arrays_of_objects_are_not_loaded(tmp_path, arrays):
    arrays['gt_label'] = arrays['gt_label'].astype(object)
    path = written(tmp_path / 'x.npz', arrays)
    assert 'pickled objects' in error_of(path)


@pytest.mark.parametrize('left', [0, 0.3, 0.9])
def test_truncated_file(tmp_path, arrays, left):
    path = written(tmp_path / 'x.npz', arrays)
    path.write_bytes(path.read_bytes()[: int(left * path.stat().st_size)])
    assert 'cannot be read as predictions' in error_of(path)


@pytest.mark.parametrize('compress', [np.savez, np.savez_compressed])
def test_damaged_content(tmp_path, arrays, compress):
    path = tmp_path / 'x.npz'
    compress(path, **arrays)
    content = bytearray(path.read_bytes())
    content[250:260] = bytes(10)  # within the first array
    path.write_bytes(content)
    assert 'cannot be read as predictions' in error_of(path)


def test_file_of_another_kind(tmp_path, arrays):
    path = tmp_path / 'x.npz'
    with open(path, 'wb') as file:
        np.save(file, arrays['pred_score'])
    assert 'it is a single array' in error_of(path)
    path.write_text('0.1,0.9\n')
    assert 'not an .npz file' in error_of(path)


def test_missing_arrays_are_named(tmp_path, arrays):
    del arrays['gt_label']
    message = error_of(written(tmp_path / 'x.npz', arrays))
    assert 'lacks gt_label' in message
    assert 'class_counts' in message


@pytest.mark.parametrize(
    ('key', 'change', 'message'),
    [
        ('gt_label', lambda x: x[1:], r'shape \(23,\).*got \(22,\)'),
        ('gt_label', lambda x: x - 1, 'labels between 0 and 3.*got -1'),
        ('gt_label', lambda x: x + 1, 'labels between 0 and 3.*got 4'),
        ('gt_label', lambda x: x + 0.5, 'integer `gt_label`.*float64'),
        ('pred_score', lambda x: x[0], r'shape \(N, C\).*got \(4,\)'),
        ('pred_score', lambda x: x[:0], r'with samples.*got \(0, 4\)'),
        ('pred_score', np.log, 'softmax probabilities'),
        ('pred_score', lambda x: x * 2, 'softmax probabilities'),
        ('pred_score', lambda x: np.where(x < 0.01, np.nan, x), 'not finite'),
        ('pred_score', lambda x: (x * 9).astype(int), 'floating `pred_score`.*int64'),
        ('class_counts', lambda x: x[1:], r'`class_counts` to have 4.*\(3,\)'),
        ('class_counts', lambda x: x[:, None], r'`class_counts` to have 4.*\(4, 1\)'),
        ('class_counts', lambda x: x - 3, 'whole numbers of 0 or more, but got -1'),
        ('class_counts', lambda x: x / 4, 'whole numbers of 0 or more, but got 22.5'),
        ('class_counts', lambda x: x * np.nan, 'whole numbers.*got nan'),
        ('class_names', lambda x: x[1:], r'`class_names` to have 4.*\(3,\)'),
    ],
)
def test_inconsistent_arrays_are_refused(tmp_path, arrays, key, change, message):
    arrays[key] = change(arrays[key])
    path = written(tmp_path / 'x.npz', arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_predictions(path)
    assert str(path) in str(caught.value)


def test_scores_are_checked_to_the_last_row(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr('mmgala.utils.chunks.VALUES_PER_SLICE', 20)  # five rows
    arrays['pred_score'][-1] = 0
    assert 'softmax probabilities' in error_of(written(tmp_path / 'x.npz', arrays))


def test_two_runs_on_the_same_data_are_accepted(dump):
    other = replace(dump, scores=dump.scores[:, ::-1])
    check_same_data(dump, other, ('a', 'b'))
    check_same_data(dump.without_scores(), other, ('a', 'b'))
    check_same_data(dump, replace(other, class_counts=None), ('a', 'b'))
    check_same_data(replace(dump, class_names=None), other, ('a', 'b'))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(scores=np.ones((23, 5))), 'numbers of classes are 4 and 5'),
        (dict(targets=np.zeros(22, int)), 'numbers of samples are 23 and 22'),
        (dict(class_counts=np.array([90, 30, 7, 2])), 'class counts at 2 are 6 and 7'),
        (dict(class_names=[*NAMES[:3], 'ox']), 'class names at 3 are yak and ox'),
    ],
)
def test_two_runs_on_different_data_are_refused(dump, change, message):
    with pytest.raises(ValueError, match=f'a.npz and b.npz are .*{message}'):
        check_same_data(dump, replace(dump, **change), ('a.npz', 'b.npz'))


def test_two_runs_with_different_labels_are_refused(dump):
    targets = dump.targets.copy()
    targets[7] = (targets[7] + 1) % 4
    message = f'labels at 7 are {dump.targets[7]} and {targets[7]}'
    with pytest.raises(ValueError, match=message):
        check_same_data(dump, replace(dump, targets=targets), ('a', 'b'))
