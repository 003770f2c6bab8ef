"""docs/benchmarks.md and the tables on other pages come from the result files."""

import json
import re
import shutil
import sys
from statistics import mean

import pytest

from tests.docs.pages import PAGES, ROOT

sys.path.insert(0, str(ROOT / 'benchmarks'))

import results_configs
import results_label_margins
import results_page
import results_screening
import results_table
from results_comparisons import SETS, means, top1
from results_configs import with_metrics, with_results

FASHION = [name for name in SETS if name.startswith('fashion')]


def unpadded(table: str) -> str:
    """A table without the spaces that align its columns."""
    return re.sub(' +', ' ', table)


def test_committed_pages_are_what_the_command_writes():
    outdated = [
        path.relative_to(ROOT).as_posix()
        for path, text in results_page.current_pages().items()
        if not path.is_file() or path.read_text() != text
    ]
    assert outdated == [], 'run `python benchmarks/results_page.py`'


def test_the_big_table_exists_once():
    row = next(
        line
        for line in unpadded(results_page.benchmarks_page()).splitlines()
        if line.startswith('| class-balanced CE | ')
    )
    pages = [ROOT / page for page in PAGES] + [*ROOT.glob('benchmarks/results/*.md')]
    found = [path for path in pages if row in unpadded(path.read_text())]
    assert found == [results_page.PAGE]


def test_an_edited_table_is_restored():
    page = ROOT / 'README.md'
    text = page.read_text()
    start, end = '<!-- results: digits -->', '<!-- end of results -->'
    before, _, rest = text.partition(start)
    edited = f'{before}{start}\n| wrong |\n{end}{rest.partition(end)[2]}'
    assert edited != text
    assert results_page.with_tables(edited, page) == text


def test_unknown_tables_are_refused():
    text = '<!-- results: no such table -->\n<!-- end of results -->'
    with pytest.raises(KeyError, match='no such table'):
        results_page.with_tables(text, ROOT / 'README.md')


def test_configs_without_runs_are_marked():
    metafile = (ROOT / 'configs/gala/metafile.yml').read_text()
    readme = with_results('| `resnext50_imagenet-lt` | ImageNet-LT | 1.0 |\n')
    assert readme == '| `resnext50_imagenet-lt` | ImageNet-LT | not run |\n'
    assert with_metrics(metafile.replace('Accuracy: 85.7', 'Accuracy: 1.0')) == metafile


def test_new_results_need_only_the_command(tmp_path, monkeypatch):
    """A new run adds a row, and changes the summary of its config."""
    results = tmp_path / 'benchmarks' / 'results'
    shutil.copytree(
        results_table.RESULTS, results, ignore=shutil.ignore_patterns('*.p*')
    )
    runs = json.loads((results / 'cifar100_lt.json').read_text())
    first = next(run for run in runs['runs'] if run['method'] == 'gala')
    runs['runs'] = [first, {**first, 'method': 'ce', 'top1': 12.345}]
    (results / 'cifar100_lt.json').write_text(json.dumps(runs))
    monkeypatch.setattr(results_table, 'RESULTS', results)
    monkeypatch.setattr(results_table, 'ROOT', tmp_path)
    monkeypatch.setattr(results_page, 'PAGE', tmp_path / 'docs' / 'benchmarks.md')

    page = unpadded(results_page.benchmarks_page())

    assert '| 100 | ce | seed 0 | 200 | 12.3 |' in page
    config = 'resnet32_cifar100-lt-if100'
    assert results_configs.describe(config).startswith('CE 12.3, GALA 51.5, ')


class TestConclusions:
    """The sentences of the page hold for the numbers in it."""

    @pytest.mark.parametrize('name', SETS)
    def test_gala_beats_cross_entropy(self, name):
        assert top1(name)['gala', ''] > top1(name)['ce', '']

    @pytest.mark.parametrize('name', FASHION)
    def test_balanced_softmax_beats_gala(self, name):
        found = top1(name)
        assert found['balanced-softmax', ''] > found['gala', '']
        gap = found['balanced-softmax', ''] - found['gala', '']
        step = 'rebalancing'
        rebalanced = found['balanced-softmax', step] - found['gala', step]
        assert rebalanced < gap

    @pytest.mark.parametrize('name', SETS)
    @pytest.mark.parametrize('step', ['', 'rebalancing'])
    def test_label_margins_beat_balanced_softmax(self, name, step):
        found = top1(name)
        assert found['gala-margin', step] > found['balanced-softmax', step]

    @pytest.mark.parametrize('name', SETS)
    def test_first(self, name):
        found = top1(name)
        is_mnist = name.startswith('fashion-mnist-lt')
        first = 'ldam-drw' if is_mnist else 'gala-margin'
        assert found[first, 'rebalancing'] == max(found.values())

    @pytest.mark.parametrize('name', ['digits-lt', 'fashion-pairs-lt'])
    def test_the_margin_counts_more_than_the_cosines(self, name):
        found = top1(f'label-margin_{name}')
        for step in ('', 'rebalancing'):
            same = found['counts-1.5-cosine15', step]
            margin = found['gala-margin', step] - same
            assert margin > 1.3
            cosines = found['balanced-softmax-cosine', step]
            assert cosines - found['balanced-softmax', step] < margin

    def test_margins_by_lead_are_ahead_in_the_mean_and_nowhere_behind(self):
        *rows, overall = results_label_margins.label_margin_table().rows
        leads = [[float(row[i]) for i in (1, 3)] for row in rows if row[1] != '-']
        assert len(leads) == 7
        assert min(min(both) for both in leads) >= -0.1
        raw, rebalanced = (mean(both) for both in zip(*leads, strict=True))
        assert (overall[1], overall[3]) == (f'{raw:+.1f}', f'{rebalanced:+.1f}')
        for page in ('better_gala', 'gala_in_practice'):
            text = (ROOT / f'docs/{page}.md').read_text()
            assert f'by {raw:.1f} points in ' in text

    def test_a_temperature_calibrates_margins_by_lead(self):
        found = means('temperature_fashion-mnist-lt_if100', 'ece')
        pairs = [
            (found[method, ''], found[method, 'temperature'])
            for method in ('gala-lead', 'balanced-softmax')
        ]
        (ours, fitted), (theirs, fitted_too) = pairs
        text = (ROOT / 'docs/better_gala.md').read_text()
        assert f'takes `gala-lead` from {ours:.1f} to {fitted:.1f} %' in text
        assert f'balanced softmax from {theirs:.1f} to {fitted_too:.1f} %' in text

    def test_margins_by_lead_have_the_highest_mean_on_validation_images(self):
        rows = results_screening.choice_table().rows
        overall = {row[0]: [float(x) for x in row[-1].split(' / ')] for row in rows}
        for step in (0, 1):
            best = max(overall, key=lambda name: overall[name][step])
            assert best == 'lead4-1.5-cosine15'

    def test_label_margins_are_behind_on_cifar100_lt(self):
        runs = results_table.read_result('cifar100_lt')['runs']
        for key, behind in ('top1', 1.9), ('top1_rebalanced', 1.8):
            ours, theirs = (
                mean(
                    run[key]
                    for run in runs
                    if run['method'] == method and run['seed'] in (0, 1)
                    if run['epochs'] == results_configs.CIFAR_EPOCHS
                    if run['imbalance_factor'] == 100
                )
                for method in ('gala-margin', 'balanced-softmax')
            )
            assert theirs - ours == pytest.approx(behind, abs=0.05)

    def test_the_two_are_level_on_the_digits(self):
        found = top1('digits-lt')
        assert abs(found['gala', ''] - found['balanced-softmax', '']) < 1

    def test_plankton_leads(self):
        """Label margins by lead, unchanged for the mean over classes."""
        found = means('plankton', 'class_mean')
        assert max(found, key=found.__getitem__) == ('gala-lead', '')
        others = {key: v for key, v in found.items() if key[0] != 'gala-lead'}
        assert max(others, key=others.__getitem__) == ('crt', '')
        assert found['gala', 'rebalancing'] > found['balanced-softmax', 'rebalancing']
        top1_of_prior = means('plankton_training-prior', 'top1')
        assert max(top1_of_prior, key=top1_of_prior.__getitem__) == (
            'gala-lead',
            'rebalancing',
        )
