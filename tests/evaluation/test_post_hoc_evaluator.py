"""PostHocEvaluator: metrics see the scores of the steps done by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mmgala.evaluation import LongTailedAccuracy, RebalancingEvaluator, ScoreDump
from mmgala.evaluation.evaluator import PostHocEvaluator
from mmgala.functional.post_hoc import STEPS
from mmgala.registry import EVALUATOR
from tests.evaluation.predictions import as_samples, biased_scores, evaluate
from tests.reference.post_hoc_numpy import chain
from tests.reference.rebalance_numpy import rebalance

COUNTS = [500, 200, 90, 30, 10, 3]
OTHERS = [9, 8, 7, 6, 5, 4]
MASS = [40.0, 20.0, 10.0, 5.0, 2.0, 1.0]


@pytest.fixture(scope='module')
def predictions():
    return biased_scores(120, 6)


@pytest.mark.parametrize('mass', [None, MASS], ids=['transductive', 'inductive'])
@pytest.mark.parametrize(
    ('adjustment', 'rebalancing', 'temperature'),
    [(0.7, None, None), (None, None, 2.0), (0.7, 1.2, None), (0.7, 1.2, 2.0)],
)
def test_scores_equal_numpy(predictions, adjustment, rebalancing, temperature, mass):
    dump = ScoreDump()
    strengths = adjustment, rebalancing, temperature
    steps = dict(zip(STEPS, strengths, strict=True))
    evaluator = PostHocEvaluator(dump, **steps, class_mass=mass)

    evaluate(evaluator, *predictions, class_counts=COUNTS)

    expected = chain(
        predictions[0], COUNTS, adjustment or 0, rebalancing or 0, mass,
        temperature or 1
    )  # fmt: skip
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)
    assert (dump.targets == predictions[1]).all()


def test_given_counts_override_those_of_the_checkpoint(predictions):
    dump = ScoreDump()
    evaluator = PostHocEvaluator(dump, logit_adjustment=0.7, class_counts=COUNTS)

    evaluate(evaluator, *predictions, class_counts=OTHERS)

    expected = chain(predictions[0], COUNTS, 0.7, 0, None, 1)
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)


def test_rebalancing_evaluator_takes_the_other_steps_too(predictions):
    dump = ScoreDump()
    config = dict(
        type='mmgala.RebalancingEvaluator', metrics=[dump], tau=1.2,
        logit_adjustment=0.7, temperature=2.0
    )  # fmt: skip

    evaluate(EVALUATOR.build(config), *predictions, class_counts=COUNTS)

    expected = chain(predictions[0], COUNTS, 0.7, 1.2, None, 2.0)
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)


def test_temperature_changes_calibration_alone(predictions):
    raw, scaled = (
        evaluate(PostHocEvaluator(LongTailedAccuracy(), temperature=t), *predictions,
                 class_counts=COUNTS)
        for t in (1.0, 4.0)
    )  # fmt: skip

    changed = {name for name in raw if not np.isclose(raw[name], scaled[name])}
    assert changed == {'accuracy/ece'}


def test_unknown_class_counts_are_found_at_the_first_batch():
    evaluator = PostHocEvaluator(LongTailedAccuracy(), logit_adjustment=1.0)

    with pytest.raises(ValueError, match='needs the class counts'):
        evaluator.process(as_samples(*biased_scores(2, 6)))


def test_class_counts_of_another_length_are_found_at_the_first_batch():
    evaluator = PostHocEvaluator(LongTailedAccuracy(), logit_adjustment=1.0)
    evaluator.dataset_meta = {'class_counts': [3, 2]}

    with pytest.raises(ValueError, match='`class_counts` to hold 6 values'):
        evaluator.process(as_samples(*biased_scores(2, 6)))


def test_class_counts_that_no_step_needs_are_ignored(predictions):
    dump = ScoreDump()

    evaluate(RebalancingEvaluator(dump), *predictions, class_counts=[3, 2])

    expected = chain(predictions[0], COUNTS, 0, 1.0, None, 1)
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)


def test_one_image_suffices_without_re_balancing():
    scores, target = biased_scores(1, 6)
    dump = ScoreDump()

    evaluate(PostHocEvaluator(dump, logit_adjustment=0.7), scores, target, COUNTS)

    assert_allclose(dump.scores, chain(scores, COUNTS, 0.7, 0, None, 1), rtol=1e-4)


@pytest.mark.parametrize('given', [None, OTHERS])
@pytest.mark.parametrize('evaluator', [PostHocEvaluator, RebalancingEvaluator])
def test_prior_of_the_training(predictions, evaluator, given):
    """Given counts override those of the checkpoint."""
    dump = ScoreDump()
    strength = 'tau' if evaluator is RebalancingEvaluator else 'rebalancing'
    options = {strength: 0.8, 'class_counts': given, 'target_prior': 'train'}

    evaluate(evaluator(dump, **options), *predictions, class_counts=COUNTS)

    share = np.array(given or COUNTS) / sum(given or COUNTS)
    expected = rebalance(predictions[0], 0.8, target_prior=share)
    assert_allclose(dump.scores, expected, rtol=1e-4, atol=1e-7)


def test_prior_of_an_unknown_training_is_refused_at_the_first_batch():
    evaluator = RebalancingEvaluator(LongTailedAccuracy(), target_prior='train')

    with pytest.raises(ValueError, match="target_prior='train' needs the class counts"):
        evaluator.process(as_samples(*biased_scores(2, 6)))


def test_an_unknown_name_of_a_prior_is_refused():
    with pytest.raises(ValueError, match="to be 'train' or .* got 'test'"):
        RebalancingEvaluator(LongTailedAccuracy(), target_prior='test')


@pytest.fixture
def warnings(monkeypatch):
    """Messages that the evaluator logs."""
    logged = []
    monkeypatch.setattr(
        'mmgala.evaluation.evaluator.print_log', lambda text, **_: logged.append(text)
    )
    return logged


def long_tail():
    """Predictions on a test set of 60, 20, 10, 6, 3 and 1 samples."""
    scores, target = biased_scores(600, 6)
    sizes = (60, 20, 10, 6, 3, 1)
    kept = np.concatenate(
        [np.flatnonzero(target == c)[:n] for c, n in enumerate(sizes)]
    )
    return scores[kept], target[kept]


def test_contradicted_assumption_is_a_warning_with_numbers(warnings):
    evaluator = PostHocEvaluator(LongTailedAccuracy(), rebalancing=1.0)
    evaluator.dataset_meta = {'classes': list('abcdef')}

    metrics = evaluate(evaluator, *long_tail())

    (warning,) = warnings
    assert 'a 16.7 % assumed, 60.0 % seen; f 16.7 %, 1.0 %' in warning
    assert metrics['accuracy/top1'] < 100
    assert evaluator.contradiction.num_samples == 100


@pytest.mark.parametrize(
    'steps',
    [
        dict(rebalancing=1.0, target_prior=[0.6, 0.2, 0.1, 0.06, 0.03, 0.01]),
        dict(rebalancing=1.0, target_prior='train', class_counts=[60, 20, 10, 6, 3, 1]),
        dict(rebalancing=0.0),
        dict(temperature=2.0),
    ],
    ids=['true shares', 'training set', 'strength 0', 'temperature'],
)
def test_no_warning_without_a_wrong_assumption(warnings, steps):
    evaluator = PostHocEvaluator(LongTailedAccuracy(), **steps)

    evaluate(evaluator, *long_tail())

    assert warnings == []
    assert evaluator.warning == ''


def test_logit_adjustment_assumes_shares_too(warnings):
    evaluator = PostHocEvaluator(
        LongTailedAccuracy(), logit_adjustment=1.0, class_counts=COUNTS
    )

    evaluate(evaluator, *long_tail())

    assert len(warnings) == 1


def test_balanced_test_set_and_padding_samples(warnings, predictions):
    """The last samples repeat the first ones, as at the end of a distributed test."""
    evaluator = PostHocEvaluator(LongTailedAccuracy(), rebalancing=1.0)
    samples = as_samples(*predictions)
    padding = [s for s in as_samples(*predictions) if int(s['gt_label']) == 0] * 20
    evaluator.process(data_samples=[*samples, *padding])

    evaluator.evaluate(len(samples))

    assert warnings == []


def test_unlabelled_test_set_is_not_judged(warnings):
    class Unlabelled(ScoreDump):
        def process(self, data_batch, data_samples):
            self.results += [0] * len(data_samples)

        def compute_metrics(self, results):
            return {}

    scores, target = long_tail()
    evaluator = PostHocEvaluator(Unlabelled(), rebalancing=1.0)
    evaluator.process(data_samples=[
        {'pred_score': s['pred_score']} for s in as_samples(scores, target)
    ])  # fmt: skip

    evaluator.evaluate(len(scores))

    assert warnings == []
