"""Ranks that share the classes agree with one process that has all of them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmgala.functional.gala import margin_cross_entropy
from mmgala.sharding import ClassShardLinear, ClassShards
from tests.batches import random_logits
from tests.sharding.core_ranks import NUM_FEATURES, batch, cross_entropy, parameters


def reference(num_classes):
    """The same in one process, by other code: all logits, torch's cross-entropy."""
    inputs, label = batch(num_classes, 0)
    values = {n: v.requires_grad_() for n, v in parameters(num_classes).items()}
    logits = inputs @ values['layer'] @ values['weight'].T + values['bias']
    bias, margin = random_logits(2, num_classes, 3)
    losses = margin_cross_entropy(logits, label, bias, bias + margin)
    losses.mean().backward()
    return losses.detach(), {name: value.grad for name, value in values.items()}


# 5 classes over 4 ranks are 2, 2, 1 and 0.
@pytest.mark.parametrize('num_classes', [5, 8, 11])
@pytest.mark.parametrize('world_size', [1, 2, 4])
def test_losses_and_gradients_are_those_of_all_logits(
    rank_pool, world_size, num_classes
):
    losses, gradients = reference(num_classes)

    ranks = rank_pool.run(cross_entropy, world_size, num_classes=num_classes)

    for rank in ranks:
        assert_allclose(rank['loss'], losses, atol=1e-10)
        assert_allclose(rank['layer'], gradients['layer'], atol=1e-10)
    for name in ('weight', 'bias'):
        together = np.concatenate([rank[name] for rank in ranks])
        assert_allclose(together, gradients[name], atol=1e-10)


def test_shares_are_those_of_torch_chunk():
    for num_classes in (5, 8, 11):
        for ranks in (1, 2, 4):
            shards = [ClassShards(num_classes, ranks, rank) for rank in range(ranks)]
            sizes = [len(part) for part in torch.arange(num_classes).chunk(ranks)]
            assert [s.size for s in shards if s.size] == sizes
            assert shards[-1].bounds()[1] == num_classes


def test_more_ranks_than_classes_are_refused():
    with pytest.raises(ValueError, match=r'^3 ranks cannot share 2 .*at most 2'):
        ClassShards(2, ranks=3)


def test_print_shows_the_classes_of_the_rank():
    shown = [repr(ClassShardLinear(3, ClassShards(5, 4, rank))) for rank in (0, 2, 3)]
    for text, classes in zip(shown, ('0 to 1', '4 to 4', None), strict=True):
        assert text.endswith(f'classes {classes})' if classes else 'no classes)')


def test_initial_weights_do_not_depend_on_the_ranks():
    def drawn(ranks):
        parts = []
        for rank in range(ranks):
            torch.manual_seed(0)
            parts.append(ClassShardLinear(NUM_FEATURES, ClassShards(2500, ranks, rank)))
        return torch.cat([part.weight for part in parts])

    one = drawn(1)
    assert torch.equal(one, drawn(3))
    assert len(one.unique()) > 12000  # not the same numbers for every block
    assert one.abs().max() <= NUM_FEATURES**-0.5
