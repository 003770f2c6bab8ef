"""Wherever scores are kept, metrics and predictions are those of the whole matrix."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mmgala.evaluation import LongTailedAccuracy, PostHocEvaluator, ScoreDump
from mmgala.evaluation.score_blocks import transformed
from mmgala.evaluation.selection import choose_post_hoc
from mmgala.functional import long_tailed_counts, long_tailed_metrics, rebalance
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.names import SCORE_STORAGE
from tests.evaluation.predictions import as_samples, evaluate

CLASSES, SAMPLES = 300, 900
COUNTS = long_tailed_counts(CLASSES, 500, 100)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr('mmgala.evaluation.score_store.VALUES_PER_SLICE', 70 * CLASSES)
    monkeypatch.setattr('mmgala.evaluation.score_store.AUTO_MEMORY', 4 * 200 * CLASSES)


@pytest.fixture(scope='module')
def predictions():
    """Scores like those of a network that favours frequent classes, and labels."""
    generator = torch.Generator().manual_seed(1)
    target = torch.arange(SAMPLES) % CLASSES
    logits = 1.5 * torch.randn(SAMPLES, CLASSES, generator=generator)
    logits[torch.arange(SAMPLES), target] += 4.5
    logits += 0.6 * torch.tensor(COUNTS).float().log()
    return logits.softmax(dim=1).numpy(), target.numpy()


def results(predictions, storage, metrics=(), **steps):
    """Metrics, and the scores that they have seen."""
    dump = ScoreDump(storage='memory')
    steps = steps or dict(rebalancing=1.2)
    evaluator = PostHocEvaluator(
        [LongTailedAccuracy(topk=(1, 5)), dump, *metrics], storage=storage, **steps
    )
    return evaluate(evaluator, *predictions, class_counts=COUNTS), dump.scores


@pytest.mark.parametrize('storage', ['auto', 'memory', 'file'])
def test_exact_storage_gives_the_same_bits(predictions, storage):
    found, scores = results(predictions, storage)

    mass = torch.zeros(CLASSES, dtype=torch.float64)
    tensor, target = map(torch.from_numpy, predictions)
    for part in tensor.split(70):
        mass += part.sum(dim=0, dtype=torch.float64)
    expected = rebalance(tensor, 1.2, mass)
    np.testing.assert_array_equal(scores, expected.numpy())
    metrics = long_tailed_metrics(expected, target, COUNTS, topk=(1, 5))
    assert found == {f'accuracy/{name}': value for name, value in metrics.items()}


@pytest.mark.parametrize('storage', ['half', 'half-file'])
def test_half_precision_finds_the_same_classes(predictions, storage):
    exact, exact_scores = results(predictions, 'memory')
    found, scores = results(predictions, storage)

    same = scores.argmax(axis=1) == exact_scores.argmax(axis=1)
    # Only a class that is within 1 % of the best one could win instead.
    ordered = np.sort(exact_scores, axis=1)
    assert same[ordered[:, -2] < 0.99 * ordered[:, -1]].all()
    assert same.mean() > 0.998
    assert found['accuracy/top1'] == pytest.approx(exact['accuracy/top1'], abs=0.2)
    assert found['accuracy/ece'] == pytest.approx(exact['accuracy/ece'], abs=0.1)
    np.testing.assert_allclose(scores, exact_scores, rtol=0.02)


def test_half_precision_flips_a_near_tie_and_float32_does_not():
    """Classes 1 and 2 differ by 0.01 % after the class mass has lifted both."""
    scores = torch.full((4, 4), 1e-4)
    scores[:, 0] = 0.9
    scores[:, 1], scores[:, 2] = 0.0041000, 0.0041004
    scores[:, 3] = 1 - scores[:, :3].sum(dim=1)
    predictions = scores.numpy(), np.zeros(4, dtype=np.int64)
    mass = dict(rebalancing=1.0, class_mass=[1000.0, 1.0, 1.0, 1000.0])
    dumps = {}
    for storage in ('file', 'half'):
        dumps[storage] = ScoreDump(storage=storage)
        evaluate(dumps[storage], *predictions)
    exact, rounded = (
        transformed(dump.blocks, PostHocSteps.from_config(**mass)).numpy()
        for dump in dumps.values()
    )

    assert exact.argmax(axis=1).tolist() == [2] * 4
    assert rounded.argmax(axis=1).tolist() == [1] * 4  # a tie: the lower index


@pytest.mark.parametrize('storage', SCORE_STORAGE)
def test_strengths_are_chosen_on_stored_scores(predictions, storage):
    dump = ScoreDump(storage=storage)
    evaluate(dump, *predictions)
    asked = dict(rebalancing='auto', temperature='auto')

    found = choose_post_hoc(dump.blocks, dump.targets, **asked)

    expected = choose_post_hoc(*predictions, **asked)
    assert found.steps.rebalancing == expected.steps.rebalancing
    exact = not storage.startswith('half')
    assert found.steps.temperature == pytest.approx(
        expected.steps.temperature, rel=1e-4 if exact else 1e-2
    )


class Again:
    """Predicts the test set once more, with some samples to fill the last batch."""

    def __init__(self, predictions, padding=0):
        self.num_samples = len(predictions[1])
        samples = as_samples(*predictions)
        self.samples = [*samples, *samples[:padding]]
        self.passes = 0

    def predict(self) -> Iterator:
        self.passes += 1
        for start in range(0, len(self.samples), 64):
            yield [dict(sample) for sample in self.samples[start : start + 64]]


@pytest.mark.parametrize('padding', [0, 5, 130])
def test_predicting_twice_needs_no_scores(predictions, padding):
    expected, expected_scores = results(predictions, 'memory', temperature=2.0,
                                        rebalancing=1.2)  # fmt: skip
    dump = ScoreDump()
    evaluator = PostHocEvaluator([LongTailedAccuracy(topk=(1, 5)), dump],
                                 storage='recompute', rebalancing=1.2,
                                 temperature=2.0)  # fmt: skip
    evaluator.dataset_meta = {'class_counts': COUNTS}
    source = evaluator.source = Again(predictions, padding)
    for batch in source.predict():
        evaluator.process(batch)
        assert not len(evaluator._store)

    found = evaluator.evaluate(source.num_samples)

    assert source.passes == 2
    assert found == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(dump.scores, expected_scores, rtol=1e-6)


def test_predicting_twice_needs_the_hook(predictions):
    evaluator = PostHocEvaluator(
        LongTailedAccuracy(), storage='recompute', rebalancing=1
    )
    with pytest.raises(ValueError, match=r'custom_hooks.*ScoreStorageHook'):
        evaluator.process(as_samples(*predictions)[:2])


def test_nothing_is_kept_where_each_sample_can_be_transformed_alone(predictions):
    dump = ScoreDump()
    evaluator = PostHocEvaluator(dump, rebalancing=1.2, class_mass=COUNTS)
    evaluator.process(as_samples(*predictions)[:10])

    assert not len(evaluator._store)
    assert dump._store.shape == (10, CLASSES)


def test_an_unknown_storage_is_refused():
    with pytest.raises(ValueError, match=r"half-file.*but got 'ram'"):
        PostHocEvaluator(LongTailedAccuracy(), storage='ram')
