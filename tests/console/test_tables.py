"""Tables and Markdown that fit 100 columns, whatever the number of methods."""

import pytest
from rich.table import Column, Table

from mmgala.console import command_session, result
from mmgala.console.markdown import show_markdown
from mmgala.utils.tables import markdown_table

METRICS = ['top-1', 'many', 'medium', 'few', 'class mean', 'worst class', 'ECE']
METHODS = [f'method-{n} + re-balancing + temperature' for n in range(17)]


def rows():
    return [
        [name, *(f'{n}.{c} ± 1.4' for c in range(7))] for n, name in enumerate(METHODS)
    ]


def parsed(lines):
    """Cells by method and heading, of one or more Markdown tables."""
    found, header = {}, []
    for line in lines:
        if not line.startswith('|'):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if not header:
            header = cells
        elif set(line) - set('|-:'):
            for name, cell in zip(header[1:], cells[1:], strict=True):
                found[cells[0], name] = cell
    return found


EXPECTED = {
    (name, metric): cell
    for name, *row in rows()
    for metric, cell in zip(METRICS, row, strict=True)
}


@pytest.mark.parametrize('form', ['rich', 'markdown'])
def test_a_wide_table_becomes_several_that_fit(form, capsys):
    if form == 'rich':
        table = Table('', *(Column(name, justify='right') for name in METRICS))
        for row in rows():
            table.add_row(*row)
        result(table)
    else:
        show_markdown(f'Words.\n\n{markdown_table(["", *METRICS], rows())}\n\nMore.')

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert parsed(lines) == EXPECTED
    assert (lines[0] == 'Words.') == (form == 'markdown')


def test_a_table_that_fits_stays_one(capsys):
    result(Table('', 'top-1', 'few'))
    table = Table('', 'top-1', 'few')
    table.add_row('ce', '81.4', '3.0')
    result(table)

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == '| ce | 81.4  | 3.0 |'
    assert lines[-3] == '|    | top-1 | few |'


def test_text_is_wrapped_between_words(capsys):
    text = '- ' + ' '.join(['a word and'] * 30)
    show_markdown(text)

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert ' '.join(line.strip() for line in lines) == text
    assert lines[1].startswith('  a')


def test_text_of_strangers_is_no_markup(capsys):
    with command_session() as session:
        session.start(verbose=False)
        table = Table('', 'top-1')
        table.add_row('[red]x[/red]', '[/b]')
        result(table)

    assert '| [red]x[/red] | [/b]  |' in capsys.readouterr().out
