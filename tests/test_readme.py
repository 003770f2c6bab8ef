"""The README's code does what the README says."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmgala.models import GALALoss
from mmgala.registry import MODELS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / 'README.md').read_text()


def python_block(containing: str) -> str:
    blocks = re.findall(r'```python\n(.*?)```', README, flags=re.DOTALL)
    (block,) = (block for block in blocks if containing in block)
    return block


def test_plain_loop_learns_rare_classes_that_cross_entropy_misses(capsys):
    snippet = python_block('make_classification')
    gala: dict = {}
    exec(compile(snippet, 'README.md', 'exec'), gala)
    assert 'recall of each class' in capsys.readouterr().out

    call = 'gala_loss(logits, target, pos_grad, neg_grad)'
    assert call in snippet
    plain = "torch.nn.functional.cross_entropy(logits, target, reduction='none')"
    cross_entropy: dict = {}
    exec(compile(snippet.replace(call, plain), 'README.md', 'exec'), cross_entropy)

    rare = slice(1, None)
    assert sum(gala['recalls'][rare]) > sum(cross_entropy['recalls'][rare]) + 0.3
    assert gala['recalls'][0] > 0.8  # without losing the head


def test_plain_loop_keeps_the_statistics_of_the_module():
    snippet = python_block('make_classification')
    names: dict = {}
    exec(compile(snippet, 'README.md', 'exec'), names)

    torch.manual_seed(0)
    model = torch.nn.Linear(20, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_module = GALALoss(num_classes=4)
    x, y, train = names['x'], names['y'], names['train']
    for _ in range(20):
        for batch in torch.randperm(3000).split(64):
            loss = loss_module(model(x[train[batch]]), y[train[batch]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(
        loss_module.pos_grad, names['pos_grad'], rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        model.weight, names['model'].weight, rtol=1e-4, atol=1e-5
    )


def test_two_lines_turn_an_mmpretrain_config_into_gala(tmp_path):
    path = tmp_path / 'gala.py'
    path.write_text(python_block("_base_ = 'mmpretrain::"))
    head = Config.fromfile(path).model.head
    built = MODELS.build(head)
    assert isinstance(built.loss_module, GALALoss)
    assert built.loss_module.num_classes == 1000


ANALYSIS = (ROOT / 'docs' / 'analysis.md').read_text()


@pytest.mark.parametrize(
    'path',
    sorted(
        set(
            re.findall(
                r'(?<![\w/])(?:configs|tools|benchmarks|projects)/[\w./-]+\w',
                README + ANALYSIS,
            )
        )
    ),
)
def test_files_that_the_texts_name_exist(path):
    if '*' not in path and not path.endswith('_'):
        assert (ROOT / path).exists()


@pytest.mark.parametrize('page', ['README.md', 'docs/analysis.md'])
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', path.read_text())
    assert links
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []
