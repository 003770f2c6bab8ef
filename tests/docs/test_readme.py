"""README.md: its config is GALA, and the output it prints is what the tools print."""

import re

from mmengine.config import Config

from mmgala.evaluation import LongTailedAccuracy
from mmgala.models import GALALoss
from mmgala.registry import MODELS
from tests.docs.pages import ROOT, code_block, tokens

README = 'README.md'


def test_two_lines_turn_an_mmpretrain_config_into_gala(tmp_path):
    path = tmp_path / 'gala.py'
    path.write_text(code_block(README, 'python', "_base_ = 'mmpretrain::"))
    head = Config.fromfile(path).model.head
    built = MODELS.build(head)
    assert isinstance(built.loss_module, GALALoss)
    assert built.loss_module.num_classes == 1000


def test_printed_output_names_the_metrics():
    output = code_block(README, 'text', 'accuracy/top1')
    named = re.findall(r'(\w+)/(\w+): ([\d.]+)', output)
    assert {prefix for prefix, *_ in named} == {LongTailedAccuracy.default_prefix}
    assert [name for _, name, _ in named] == ['top1', 'many', 'medium', 'few']


def test_readme_is_short():
    """Results and reference are on pages of their own."""
    assert len((ROOT / README).read_text().splitlines()) < 140
    tables = sum(token.type == 'table_open' for token in tokens(README))
    assert tables == 2
