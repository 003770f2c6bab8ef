"""The table of the paper's claims counts the seeds that it says it does."""

import pytest

from mmgala.analysis import SUMS, summarise_gradients
from projects.gala_study.gradient_balance import mean_vectors, pooled
from projects.gala_study.gradient_claims import CLAIMS, claim_numbers, claim_rows
from tests.analysis.gradient_records import make_record

VALUES = {  # of three seeds each
    'CE': (0.5, 0.8, 0.9),
    'EQL': (1.1, 1.1, 1.1),
    'GALA': (0.95, 1.2, 0.92),
}


def row_of(table, start):
    (row,) = (row for row in table if row[0].startswith(start))
    return row[1:]


@pytest.fixture
def table():
    _, rows = claim_rows(
        [
            dict(method=method, seed=seed, **{c.key: value for c in CLAIMS})
            for method, values in VALUES.items()
            for seed, value in enumerate(values)
        ]
    )
    return rows


def test_a_ratio_is_better_the_nearer_it_is_to_1(table):
    row = row_of(table, '(a) gradient ratio of the tail, whole')
    assert row[:3] == ['0.733 ± 0.208', '1.100 ± 0.000', '1.023 ± 0.154']
    # 0.95, 1.2 and 0.92 against 0.5, 0.8 and 0.9, then against 1.1 each.
    assert row[3:] == ['3 of 3 seeds', '2 of 3 seeds']


def test_imbalance_is_better_the_smaller_it_is(table):
    assert row_of(table, '(b) Gini of the sources, last')[3:] == [
        '0 of 3 seeds',
        '2 of 3 seeds',
    ]


def test_similarity_is_better_the_higher_it_is(table):
    assert row_of(table, "(c) tail's class weight vectors to their test")[3:] == [
        '3 of 3 seeds',
        '1 of 3 seeds',
    ]


def test_numbers_of_a_training():
    record = make_record()
    groups = dict(few=dict(own_similarity=0.3, norm=2.0))
    net = record.total.pos_grad - record.total.neg_grad
    bias = [3 * value + 1 for value in net]
    numbers = claim_numbers(
        [make_record(7), record], dict(test=dict(groups=groups, bias=bias))
    )
    assert numbers['net_bias_correlation'] == pytest.approx(1)
    assert numbers['own_similarity_few_test'] == 0.3
    last = summarise_gradients(record)
    first = summarise_gradients(make_record(7))
    assert numbers['ratio_many_first'] == first['ratio_many'] != last['ratio_many']
    total = summarise_gradients(record, whole_training=True)
    assert numbers['source_gini_last'] == last['source_gini']
    assert numbers['ratio_few_total'] == total['ratio_few']


def test_seeds_are_pooled_by_their_sums():
    records = [make_record(seed=seed) for seed in range(3)]
    found = pooled(records)
    for name in SUMS:
        expected = sum(getattr(record.period, name) for record in records)
        assert getattr(found.period, name) == pytest.approx(expected)
        assert getattr(found.total, name) == pytest.approx(2 * expected)


def test_vectors_are_averaged_by_class():
    measured = [
        dict(own_similarity=[a, 0.0], other_similarity=[0.1, 0.1], norm=[1.0, a], n=a)
        for a in (0.2, 0.4)
    ]
    found = mean_vectors(measured)
    assert found['own_similarity'] == pytest.approx([0.3, 0.0])
    assert found['norm'] == pytest.approx([1.0, 0.3])
    assert found['n'] == 0.2
