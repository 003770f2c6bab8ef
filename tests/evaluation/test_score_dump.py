"""ScoreDump writes its input, without pickle."""

import numpy as np
import pytest

from mmgala.analysis import read_predictions
from mmgala.evaluation import ScoreDump
from tests.evaluation.predictions import as_samples, biased_scores, evaluate


@pytest.fixture
def predictions():
    return biased_scores(23, 4)


def test_file_holds_scores_targets_and_counts_without_pickle(tmp_path, predictions):
    path = tmp_path / 'scores.npz'

    metrics = evaluate(ScoreDump(str(path)), *predictions, class_counts=[9, 5, 2, 1])

    assert metrics == {}
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {'pred_score', 'gt_label', 'class_counts'}
        np.testing.assert_array_equal(stored['pred_score'], predictions[0])
        np.testing.assert_array_equal(stored['gt_label'], predictions[1])
        assert stored['class_counts'].tolist() == [9, 5, 2, 1]
        assert stored['pred_score'].dtype == np.float32
        assert stored['gt_label'].dtype == np.int64


def test_file_without_counts_where_they_are_unknown(tmp_path, predictions):
    path = tmp_path / 'scores.npz'

    evaluate(ScoreDump(str(path)), *predictions)

    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {'pred_score', 'gt_label'}


@pytest.mark.parametrize('kind', [list, tuple])
def test_file_holds_the_names_of_the_classes_without_pickle(
    tmp_path, predictions, kind
):
    path = tmp_path / 'scores.npz'
    names = ['cat', 'dog, wild', 'Äpfel', 'x']
    dump = ScoreDump(str(path))
    dump.dataset_meta = {'classes': kind(names)}

    evaluate(dump, *predictions)

    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {'pred_score', 'gt_label', 'class_names'}
        assert stored['class_names'].dtype.kind == 'U'
        assert stored['class_names'].tolist() == names


@pytest.mark.parametrize('names', [None, [], ['one', 'of', 'another set']])
def test_names_of_another_number_of_classes_are_not_stored(
    tmp_path, predictions, names
):
    path = tmp_path / 'scores.npz'
    dump = ScoreDump(str(path))
    dump.dataset_meta = {'classes': names}

    evaluate(dump, *predictions)

    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {'pred_score', 'gt_label'}


def test_without_a_file_the_arrays_are_kept(predictions):
    dump = ScoreDump()

    evaluate(dump, *predictions)

    np.testing.assert_array_equal(dump.scores, predictions[0])
    np.testing.assert_array_equal(dump.targets, predictions[1])


def test_a_second_evaluation_starts_from_zero(predictions):
    dump = ScoreDump()
    evaluate(dump, *biased_scores(10, 4, seed=1))

    evaluate(dump, *predictions)

    np.testing.assert_array_equal(dump.scores, predictions[0])


def test_padding_is_dropped(predictions):
    scores, target = predictions
    dump = ScoreDump()

    dump.process(None, as_samples(scores, target))
    dump.process(None, as_samples(scores[:2], target[:2]))
    dump.evaluate(len(scores))

    np.testing.assert_array_equal(dump.scores, scores)
    np.testing.assert_array_equal(dump.targets, target)


def test_another_ending_is_refused():
    with pytest.raises(ValueError, match=r'a \.npz file for scores, but got x\.csv'):
        ScoreDump('x.csv')


def test_unlabelled_predictions_are_stored_without_labels(tmp_path, predictions):
    path = tmp_path / 'scores.npz'
    dump = ScoreDump(str(path))
    samples = as_samples(*predictions)
    for sample in samples:
        del sample['gt_label']

    dump.process(None, samples)
    dump.evaluate(len(samples))

    with np.load(path, allow_pickle=False) as stored:
        assert set(stored) == {'pred_score'}
        np.testing.assert_array_equal(stored['pred_score'], predictions[0])
    assert dump.targets.shape == (0,)


def test_labels_of_some_samples_are_refused(predictions):
    dump = ScoreDump()
    first, second = as_samples(*predictions)[:2]
    del second['gt_label']

    dump.process(None, [first])
    dump.process(None, [second])
    with pytest.raises(ValueError, match='1 of 2 have one'):
        dump.evaluate(2)


@pytest.mark.parametrize('named', [True, False])
def test_file_holds_the_paths_of_image_files(tmp_path, predictions, named):
    path = tmp_path / 'scores.npz'
    scores, targets = predictions
    samples = as_samples(scores, targets)
    for row, sample in enumerate(samples):
        if named or row:  # one without a path: they are not told apart any more
            sample['img_path'] = f'data/ä {row}.png'
    dump = ScoreDump(str(path))
    dump.process(None, samples)
    dump.evaluate(len(samples))
    with np.load(path, allow_pickle=False) as stored:
        assert ('image_paths' in stored) == named
    expected = [f'data/ä {row}.png' for row in range(23)] if named else None
    assert read_predictions(path).paths == expected
