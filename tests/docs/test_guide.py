"""docs/guide.md: the plain PyTorch loop learns what the page says it learns."""

import pytest
import torch

from mmgala.models import GALALoss
from tests.docs.pages import code_block

LOOP = code_block('docs/guide.md', 'python', 'make_classification')


@pytest.fixture(scope='module')
def followed():
    """Names that the loop defines."""
    names: dict = {}
    exec(compile(LOOP, 'guide.md', 'exec'), names)
    return names


def test_loop_learns_rare_classes_that_cross_entropy_misses(followed):
    call = 'gala_loss(logits, target, pos_grad, neg_grad)'
    assert call in LOOP
    plain = "torch.nn.functional.cross_entropy(logits, target, reduction='none')"
    cross_entropy: dict = {}
    exec(compile(LOOP.replace(call, plain), 'guide.md', 'exec'), cross_entropy)

    rare = slice(1, None)
    gain = sum(followed['recalls'][rare]) - sum(cross_entropy['recalls'][rare])
    assert gain > 0.3
    assert followed['recalls'][0] > 0.8  # without losing the head


def test_loop_accumulates_the_statistics_of_the_module(followed):
    torch.manual_seed(0)
    model = torch.nn.Linear(20, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_module = GALALoss(num_classes=4)
    x, y, train = followed['x'], followed['y'], followed['train']
    for _ in range(20):
        for batch in torch.randperm(3000).split(64):
            loss = loss_module(model(x[train[batch]]), y[train[batch]])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(
        loss_module.pos_grad, followed['pos_grad'], rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        model.weight, followed['model'].weight, rtol=1e-4, atol=1e-5
    )
