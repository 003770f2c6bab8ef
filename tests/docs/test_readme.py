"""README.md: its config is GALA, and the output it prints is what the tools print."""

import re
import sys

from mmengine.config import Config

from mmgala.functional import METRIC_NAMES
from mmgala.models import GALALoss
from mmgala.registry import MODELS
from tests.docs.pages import ROOT, code_block, tokens

sys.path.insert(0, str(ROOT / 'benchmarks'))

from results_comparisons import SETS, means, top1
from results_table import read_result

README = 'README.md'


def test_two_lines_turn_an_mmpretrain_config_into_gala(tmp_path):
    path = tmp_path / 'gala.py'
    path.write_text(code_block(README, 'python', "_base_ = 'mmpretrain::"))
    head = Config.fromfile(path).model.head
    built = MODELS.build(head)
    assert isinstance(built.loss_module, GALALoss)
    assert built.loss_module.num_classes == 1000


def test_printed_output_names_the_metrics():
    output = code_block(README, 'text', '| top-1')
    named = re.findall(r'^\| (\S.*?) +\| +[\d.]+ \|', output, re.M)
    assert named == list(METRIC_NAMES.values())


def test_conclusions_are_those_of_the_results():
    text = ' '.join((ROOT / README).read_text().split())
    digits = top1('digits-lt')
    assert (
        f'by {digits["gala", ""] - digits["ce", ""]:.1f} points on the digits' in text
    )
    with_one_seed = {
        run['method']: run['top1']
        for run in read_result('cifar100_lt')['runs']
        if (run['imbalance_factor'], run['epochs'], run['seed']) == (100, 200, 0)
    }
    gap = with_one_seed['gala'] - with_one_seed['ce']
    assert f'by {gap:.1f} on CIFAR100-LT (one seed)' in text
    plankton = means('plankton', 'class_mean')
    gap = plankton['gala', ''] - plankton['ce', '']
    assert f'by {gap:.1f} on PlanktonSet' in text
    larger = [top1(name) for name in SETS if name != 'digits-lt']
    gaps = [found['balanced-softmax', ''] - found['gala', ''] for found in larger]
    assert len(gaps) == 4
    assert (
        f'ahead by {min(gaps):.1f} to {max(gaps):.1f} points '
        'on the four Fashion-MNIST sets' in text
    )


def test_readme_is_short():
    """Results and reference are on pages of their own."""
    assert len((ROOT / README).read_text().splitlines()) <= 150
    assert sum(token.type == 'table_open' for token in tokens(README)) == 1
