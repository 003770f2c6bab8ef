"""The page on plain PyTorch: its code runs, and learns what the page says."""

import pytest
import torch

from mmgala.models import GALALoss
from tests.docs.pages import code_block, code_blocks

PAGE = 'docs/plain_pytorch.md'
LOOP = code_block(PAGE, 'python', 'make_classification')


@pytest.fixture(scope='module')
def names():
    """What the page's code leaves behind."""
    torch.manual_seed(0)
    found = {}
    for block in code_blocks(PAGE, 'python'):
        if block != LOOP:  # a program of its own
            exec(block, found)
    return found


def test_the_loss_and_its_counts(names):
    assert names['counts'].tolist() == [30] * 8 + [60]
    assert names['loss'].class_counts.tolist() == names['counts'].tolist()


def test_training_learns(names):
    predicted = names['model'](names['points']).argmax(dim=1)
    assert (predicted == names['labels']).float().mean() > 0.4  # 1 / 9 by chance


def test_the_deployed_model_is_the_chain_after_the_model(names):
    scores = names['deployed'](names['points']).softmax(dim=1)
    expected = names['chain'].transform(names['scores'])
    torch.testing.assert_close(scores, expected)


def test_the_metrics_that_the_page_names(names):
    expected = {'top1', 'worst_class', 'ece', 'medium'}
    assert expected <= names['metrics'].keys()


@pytest.fixture(scope='module')
def without_module():
    """Names that the loop defines."""
    names: dict = {}
    exec(compile(LOOP, 'plain_pytorch.md', 'exec'), names)
    return names


def test_loop_learns_rare_classes_that_cross_entropy_misses(without_module):
    call = 'gala_loss(logits, target, pos_grad, neg_grad)'
    assert call in LOOP
    plain = "torch.nn.functional.cross_entropy(logits, target, reduction='none')"
    cross_entropy: dict = {}
    exec(compile(LOOP.replace(call, plain), 'plain_pytorch.md', 'exec'), cross_entropy)

    rare = slice(1, None)
    gain = sum(without_module['recalls'][rare]) - sum(cross_entropy['recalls'][rare])
    assert gain > 0.3
    assert without_module['recalls'][0] > 0.8  # without losing the head


def test_loop_accumulates_the_statistics_of_the_module(without_module):
    torch.manual_seed(0)
    model = torch.nn.Linear(20, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_module = GALALoss(num_classes=4)
    x, y, train = without_module['x'], without_module['y'], without_module['train']
    for _ in range(20):
        for batch in torch.randperm(3000).split(64):
            loss = loss_module(model(x[train[batch]]), y[train[batch]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(
        loss_module.pos_grad, without_module['pos_grad'], rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        model.weight, without_module['model'].weight, rtol=1e-4, atol=1e-5
    )
