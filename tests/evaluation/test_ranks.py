"""Several processes report exactly what one does, padded or not."""

import numpy as np
import pytest

from tests.evaluation.rank_evaluation import run_test

STEPS = {
    'raw': dict(rebalanced=False),
    're-balanced': dict(rebalanced=True),
    'all steps': dict(rebalanced=True, logit_adjustment=0.6, temperature=1.5),
}


@pytest.mark.parametrize('steps', STEPS.values(), ids=STEPS)
@pytest.mark.parametrize('world_size', [2, 3])
@pytest.mark.parametrize('num_samples', [24, 25])
def test_metrics_and_scores_equal_one_process(
    rank_pool, num_samples, world_size, steps
):
    arguments = dict(num_samples=num_samples, **steps)
    expected, expected_scores = run_test(0, 1, **arguments)

    results = rank_pool.run(run_test, world_size, **arguments)

    for metrics, _ in results:
        assert metrics == pytest.approx(expected, rel=1e-6)
        for name in ('top1', 'top2', 'many', 'medium', 'few', 'class_mean'):
            assert metrics[f'accuracy/{name}'] == expected[f'accuracy/{name}']
        assert metrics['theirs/top1'] == expected['theirs/top1']
    np.testing.assert_allclose(results[0][1], expected_scores, rtol=1e-6)


def test_the_steps_change_what_is_compared_above():
    raw, rebalanced, adjusted = (
        run_test(0, 1, num_samples=25, **steps)[0] for steps in STEPS.values()
    )

    assert raw['accuracy/top1'] != rebalanced['accuracy/top1']
    assert rebalanced['accuracy/ece'] != adjusted['accuracy/ece']


def test_one_rank_too_few_samples_are_refused_on_all(rank_pool):
    with pytest.raises(RuntimeError) as failure:
        rank_pool.run(run_test, 2, num_samples=3, rebalanced=True)

    message = 'mass of 4 classes from 3 samples'
    assert (
        str(failure.value).count(
            f'ValueError: Re-balancing cannot estimate the {message}'
        )
        == 2
    )
