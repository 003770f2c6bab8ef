"""The notebook runs from top to bottom, and shows what its text says."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[2] / 'examples' / 'long_tail.ipynb'
CELLS = [
    cell
    for cell in json.loads(NOTEBOOK.read_text())['cells']
    if cell['cell_type'] == 'code'
]


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> tuple[dict[str, Any], str]:
    """Variables after the last cell, and what all cells have printed."""
    variables: dict[str, Any] = {'__name__': '__main__'}
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MPLBACKEND', 'agg')
        patch.chdir(tmp_path_factory.mktemp('notebook'))
        with contextlib.redirect_stdout(printed):
            for cell in CELLS:
                exec(''.join(cell['source']), variables)
        assert Path('digits.pt2').is_file()
    return variables, printed.getvalue()


def test_gala_is_better_on_rare_classes_and_rebalancing_on_all(run):
    results = run[0]['results']
    assert results['GALA']['few'] > results['cross-entropy']['few'] + 5
    for name in ('cross-entropy', 'GALA'):
        assert results[f'{name}, re-balanced']['top1'] >= results[name]['top1']


def test_the_exported_program_gives_the_scores_of_the_model(run):
    assert run[0]['difference'] < 1e-5


def test_classes_have_the_stated_images(run):
    variables, _ = run
    assert (variables['counts'][0], variables['counts'][-1]) == (103, 2)
    train = variables['labels'][variables['train']]
    assert train.bincount().tolist() == variables['counts']


def test_the_stored_output_has_the_printed_lines(run):
    """Numbers depend on the release of PyTorch; the lines do not."""
    stored = ''.join(
        ''.join(output.get('text', ''))
        for cell in CELLS
        for output in cell['outputs']
        if output['output_type'] == 'stream'
    )

    def names(text: str) -> list[str]:
        return [line[:32].split(':')[0].strip() for line in text.splitlines()]

    assert names(stored) == names(run[1])
    assert NOTEBOOK.stat().st_size < 100_000
