"""The page on plain PyTorch: its code runs, from the first block to the last."""

import pytest
import torch

from tests.docs.pages import code_blocks


@pytest.fixture(scope='module')
def names():
    """What the page's code leaves behind."""
    torch.manual_seed(0)
    found = {}
    for block in code_blocks('docs/plain_pytorch.md', 'python'):
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
