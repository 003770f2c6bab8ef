"""Which test samples a report shows."""

import numpy as np

from mmgala.analysis.samples import MOST_CLASSES, Guesses, choose_samples


def run_of(raw, rebalanced=None, confidence=None):
    raw = np.array(raw)
    score = np.full(len(raw), 0.5) if confidence is None else np.array(confidence)
    other = raw if rebalanced is None else np.array(rebalanced)
    return {'raw': Guesses(raw, score), 'rebalanced': Guesses(other, score)}


def test_mistakes_are_the_most_confident_wrong_predictions_of_each_kind():
    targets = np.array([0, 0, 1, 1, 2, 2])
    run = run_of(
        [0, 1, 1, 2, 0, 2], [0, 1, 0, 1, 2, 2], [0.9, 0.5, 0.8, 0.7, 0.99, 0.6]
    )
    chosen = choose_samples(targets, [run, None], 3)
    rows = chosen['rows']
    assert [rows[p] for p in chosen['runs'][0]['raw']['mistakes']] == [4, 3, 1]
    assert [rows[p] for p in chosen['runs'][0]['rebalanced']['mistakes']] == [2, 1]
    assert chosen['runs'][1] is None
    assert chosen['classes'] == targets[rows].tolist()
    assert chosen['runs'][0]['raw']['predicted'] == [
        run['raw'].predicted[r] for r in rows
    ]
    assert chosen['runs'][0]['raw']['confidence'] == [
        run['raw'].confidence[r] for r in rows
    ]


def test_at_most_three_mistakes_are_of_one_pair_of_classes():
    targets = np.zeros(10, dtype=int)
    run = run_of([1] * 8 + [2, 0], confidence=np.linspace(0.9, 0.5, 10))
    chosen = choose_samples(targets, [run], 3)
    mistakes = chosen['runs'][0]['raw']['mistakes']
    assert [chosen['rows'][p] for p in mistakes] == [0, 1, 2, 8]


def test_images_of_a_class_are_those_that_the_runs_agree_least_on():
    targets = np.array([1] * 8)
    right = [1] * 8
    mixed = [1, 0, 1, 0, 1, 0, 1, 0]
    chosen = choose_samples(targets, [run_of(right), run_of(mixed)], 2)
    assert [chosen['rows'][p] for p in chosen['of_class']['1']] == [1, 3, 5, 7]
    assert chosen['of_class']['0'] == []


def test_of_many_classes_those_that_changed_most_have_images():
    num_classes = 300
    targets = np.repeat(np.arange(num_classes), 2)
    before, after = targets.copy(), targets.copy()
    gained, lost = [7, 130, 299], [0, 44, 211]
    before[np.isin(targets, gained)] = 1
    after[np.isin(targets, lost)] = 1
    chosen = choose_samples(targets, [run_of(before), run_of(after)], num_classes)
    assert len(chosen['of_class']) == MOST_CLASSES
    assert {str(c) for c in (*gained, *lost)} <= {*chosen['of_class']}
    alone = choose_samples(targets, [run_of(before, after)], num_classes)
    assert {str(c) for c in (*gained, *lost)} <= {*alone['of_class']}


def test_without_predictions_there_are_no_samples():
    assert choose_samples(np.zeros(3, dtype=int), [None, None], 2) is None
