"""Files and table of class weight vector measurements."""

import csv
import json

import pytest
from rich.console import Console

from mmgala.analysis.class_vectors import describe_class_vectors
from mmgala.analysis.results import describe_classes, vectors_table, write_class_vectors
from tests.analysis.test_class_vectors import COUNTS, data, summed


@pytest.fixture
def report():
    features, labels, weight = data()
    found = describe_class_vectors(summed(features, labels), weight, None, COUNTS)
    return {**found, 'classes': describe_classes(COUNTS, list('abcde'))}


def test_files_hold_the_numbers(tmp_path, report):
    write_class_vectors(tmp_path / 'new' / 'v.json', report)

    assert json.loads((tmp_path / 'new' / 'v.json').read_text()) == report
    with open(tmp_path / 'new' / 'v.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == list('abcde')
    assert [int(row['count']) for row in rows] == COUNTS
    assert rows[3]['own_similarity'] == ''
    assert 'bias' not in rows[0]
    assert [float(row['norm']) for row in rows] == report['norm']
    assert {p.name for p in (tmp_path / 'new').iterdir()} == {'v.json', 'v.csv'}


def test_table_has_a_row_per_group(report):
    report['groups']['few']['own_similarity'] = None
    console = Console(width=100)
    with console.capture() as capture:
        console.print(vectors_table(report))

    lines = [
        [cell.strip() for cell in line.split('|')[1:-1]]
        for line in capture.get().splitlines()
        if '|' in line
    ]
    many = report['groups']['many']
    assert lines[2] == ['many', '2', *(f'{value:.3f}' for value in many.values())]
    assert lines[4][:3] == ['few', '1', '-']
