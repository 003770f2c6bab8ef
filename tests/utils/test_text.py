"""Names from strangers do nothing in terminals, Markdown and spreadsheets."""

import csv
import io

import pytest

from mmgala.cli.errors import one_line_errors
from mmgala.utils.tables import markdown_table
from mmgala.utils.text import csv_text, markdown_cell, visible


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('\x1b[2Jgone', r'\x1b[2Jgone'),
        ('\x9b31m', r'\x9b31m'),
        ('a\rb\nc\td\x08', r'a\rb\nc\td\x08'),
        ('\u202egnp.exe', r'\u202egnp.exe'),
        ('Käse 猫 🐈 – ok', 'Käse 猫 🐈 – ok'),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize('start', ['=', '+', '-', '@', '\t', '\r'])
def test_formulas_in_csv_become_text(start):
    name = f'{start}HYPERLINK("http://x")'
    rows = list(csv.reader(io.StringIO(csv_text([[name, 'a', 1]]), newline='')))
    assert rows == [[f"'{name}", 'a', '1']]


def test_numbers_and_other_text_in_csv_stay_as_they_are():
    cells = ['a=b', "'quoted'", '', -1.5, +2, 1e-30, None, True]
    text = csv_text([cells])
    assert next(csv.reader(io.StringIO(text))) == [
        'a=b', "'quoted'", '', '-1.5', '2', '1e-30', '', 'True'
    ]  # fmt: skip


def test_cells_of_markdown_tables_stay_in_their_cells():
    table = markdown_table(['', 'a|b'], [['<script>x|y\n</script>\x1b[1m', '1']])
    lines = table.splitlines()
    assert len(lines) == 3
    assert all(line.replace('\\|', '').count('|') == 3 for line in lines)
    assert '<' not in table
    assert '\x1b' not in table
    assert markdown_cell('gala:lambda_pos=2, re-balanced') == (
        'gala:lambda_pos=2, re-balanced'
    )


def test_an_error_cannot_write_to_the_terminal():
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise ValueError('class \x1b]0;title\x07 is unknown')
    assert end.value.code == r'error: class \x1b]0;title\x07 is unknown'
