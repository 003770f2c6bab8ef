"""Gradient summaries against loops over the classes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from mmgala.analysis import describe_gradients, gini, summarise_gradients
from tests.analysis.gradient_records import COUNTS, GROUP, make_record

MANY, MEDIUM, FEW = ([c for c in range(6) if GROUP[c] == g] for g in range(3))


def ratio_of(sums, c):
    return sums.pos_grad[c] / sums.neg_grad[c]


def geometric_mean(sums, classes):
    product = math.prod(ratio_of(sums, c) for c in classes)
    return product ** (1 / len(classes))


def with_period(record, **changes):
    return replace(record, period=replace(record.period, **changes))


def test_ratios_of_the_groups():
    record = make_record()
    found = summarise_gradients(record)
    for name, classes in (('many', MANY), ('medium', MEDIUM), ('few', FEW)):
        assert found[f'ratio_{name}'] == pytest.approx(
            geometric_mean(record.period, classes)
        )
    assert found['tail_head_ratio'] == pytest.approx(
        geometric_mean(record.period, FEW) / geometric_mean(record.period, MANY)
    )


def test_spread_of_the_log_ratio():
    record = make_record()
    logs = [math.log(ratio_of(record.period, c)) for c in range(6)]
    mean = sum(logs) / 6
    spread = math.sqrt(sum((x - mean) ** 2 for x in logs) / 6)
    assert summarise_gradients(record)['log_ratio_spread'] == pytest.approx(spread)


def test_rank_correlation_is_the_correlation_of_the_ranks():
    record = make_record()
    ranks = rankdata([ratio_of(record.period, c) for c in range(6)]), rankdata(COUNTS)
    expected = np.corrcoef(*ranks)[0, 1]
    found = summarise_gradients(record)['ratio_rank_correlation']
    assert found == pytest.approx(expected)


def test_sources():
    record = make_record()
    given = record.period.given_grad
    found = summarise_gradients(record)
    share = sum(given[c] for c in MANY) / given.sum()
    assert found['source_head_share'] == pytest.approx(share)
    differences = np.mean([abs(a - b) for a in given for b in given])
    assert found['source_gini'] == pytest.approx(differences / (2 * given.mean()))


@pytest.mark.parametrize('seed', range(5))
def test_gini_is_half_the_relative_mean_difference(seed):
    values = np.random.default_rng(seed).pareto(1.5, 40)
    differences = np.mean([abs(a - b) for a in values for b in values])
    assert gini(values) == pytest.approx(differences / (2 * values.mean()))
    assert gini(values * 7) == pytest.approx(gini(values))


def test_gini_of_zeros_is_undefined():
    assert math.isnan(gini(np.zeros(3)))


def test_whole_training_can_be_summarised():
    record = make_record()
    other = replace(record, total=make_record(5).period)
    assert summarise_gradients(other, whole_training=True) == pytest.approx(
        summarise_gradients(replace(record, period=other.total))
    )
    assert summarise_gradients(other) == pytest.approx(summarise_gradients(record))


def test_classes_without_gradients_are_left_out():
    record = make_record()
    zeros = np.where(np.arange(6) == MANY[0], 0, record.period.pos_grad)
    found = summarise_gradients(with_period(record, pos_grad=zeros))
    assert found['ratio_many'] == pytest.approx(ratio_of(record.period, MANY[1]))
    assert all(value is not None and math.isfinite(value) for value in found.values())


def test_no_samples_give_no_numbers():
    record = make_record()
    zero = {name: value * 0 for name, value in vars(record.period).items()}
    assert set(summarise_gradients(with_period(record, **zero)).values()) == {None}


def test_a_single_group_has_no_tail_head_ratio():
    record = make_record(counts=[300] * 6)
    found = summarise_gradients(record)
    assert 'ratio_few' not in found
    assert found['tail_head_ratio'] is None
    assert found['ratio_rank_correlation'] is None  # all counts are the same


def test_description_of_a_run():
    records = [make_record(number) for number in (2, 4, 6)]
    last = records[-1]
    found = describe_gradients(records)
    assert (found['unit'], found['steps']) == ('epoch', [2, 4, 6])
    for key, values in found['summary'].items():
        expected = [summarise_gradients(record)[key] for record in records]
        assert values == pytest.approx(expected)
    assert found['summary_total'] == summarise_gradients(last, whole_training=True)
    for c in range(6):
        assert found['ratio'][c] == pytest.approx(ratio_of(last.period, c))
        assert found['ratio_total'][c] == pytest.approx(ratio_of(last.total, c))
        assert found['source_shares'][c] == pytest.approx(
            last.total.sources[:, c] / last.total.neg_grad[c]
        )
    for name, classes in (('many', MANY), ('medium', MEDIUM), ('few', FEW)):
        for step, record in enumerate(records):
            assert found['ratio_by_group'][name][step] == pytest.approx(
                geometric_mean(record.period, classes)
            )
            assert found['source_share_by_step'][name][step] == pytest.approx(
                sum(record.period.given_grad[c] for c in classes)
                / record.period.given_grad.sum()
            )
    for name in ('pos_grad', 'neg_grad', 'given_grad'):
        np.testing.assert_allclose(found[name], getattr(last.total, name))
    np.testing.assert_allclose(found['matrix']['values'], last.total.matrix)
    assert found['matrix']['bins'] == last.matrix_bins.tolist()


def test_description_without_a_matrix_and_without_gradients():
    record = make_record()
    zero = {name: value * 0 for name, value in vars(record.period).items()}
    zero['matrix'] = np.zeros((0, 0))
    sums = replace(record.period, **zero)
    found = describe_gradients([replace(record, period=sums, total=sums)])
    assert found['matrix'] is None
    assert found['ratio'] == [None] * 6
    assert found['source_shares'] == [[None] * 3] * 6
