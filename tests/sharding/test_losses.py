"""Every loss that is a bias trains over ranks as in one process; others are refused."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mmgala.losses import GALALoss
from mmgala.sharding import ClassShards, shard_statistics
from tests.losses.loss_cases import CASES, COUNTS
from tests.sharding.core_ranks import (
    SAMPLES,
    STEPS,
    batch,
    parameters,
    train,
)


def build_case(num_classes, name):
    """A loss of the battery."""
    assert num_classes == len(COUNTS)
    return CASES[name].build()


def is_bias(name):
    return CASES[name].build().adjustment() is not None


def is_taken(name):
    compares = {'label_margin', 'lead_memory'} & set(CASES[name].arguments)
    return is_bias(name) and not compares


def one_process(build_loss, num_classes):
    """The same training with the loss as it is called without ranks."""
    values = parameters(num_classes)
    for value in values.values():
        value.requires_grad_()
    loss, result = build_loss(num_classes), dict(values=[], gradients=[])
    for step in range(STEPS):
        inputs, label = batch(num_classes, step)
        weight = torch.arange(SAMPLES) % 3 / 2
        logits = inputs @ values['layer'] @ values['weight'].T + values['bias']
        total = loss(logits, label, weight)
        gradients = torch.autograd.grad(total, [values['layer'], values['weight']])
        result['values'].append(float(total.detach()))
        result['gradients'].append(gradients)
    return result, dict(loss.named_buffers())


def check(pool, world_size, build_loss, num_classes):
    """Compare ranks with one process; return the names of shared buffers."""
    expected, state = one_process(build_loss, num_classes)

    ranks = pool.run(train, world_size, build_loss=build_loss, num_classes=num_classes)

    for rank in ranks:
        assert_allclose(rank['values'], expected['values'], atol=1e-5)
    for step, (layer, weight) in enumerate(expected['gradients']):
        for rank in ranks:
            assert_allclose(rank['gradients'][step][0], layer, atol=1e-5)
        together = np.concatenate([rank['gradients'][step][1] for rank in ranks])
        assert_allclose(together, weight, atol=1e-5)
    for name, dim in ranks[0]['cut'].items():
        together = np.concatenate([rank['state'][name] for rank in ranks], axis=dim)
        assert_allclose(together, state[name], atol=1e-5)
    return set(ranks[0]['cut'])


@pytest.mark.parametrize('world_size', [1, 2, 4])
@pytest.mark.parametrize('name', [n for n in CASES if is_taken(n)])
def test_a_loss_trains_as_in_one_process(rank_pool, name, world_size):
    check(rank_pool, world_size, partial(build_case, name=name), len(COUNTS))


@pytest.mark.parametrize(
    'arguments',
    [
        dict(),
        dict(lambda_pos=1.3, lambda_neg=0.4),
        dict(variant='official'),
        dict(count_share=0.5),
    ],
    ids=str,
)
def test_statistics_of_gala_are_shared_out(rank_pool, arguments):
    cut = check(rank_pool, 4, partial(GALALoss, **arguments), 11)

    assert cut == set(GALALoss(3, **arguments).statistics)


@pytest.mark.parametrize(
    'option', [dict(label_margin=3.0), dict(lambda_pos=1.5, lead_memory=3.0)]
)
def test_what_depends_on_all_classes_is_refused(option):
    loss = GALALoss(8, **option)
    with pytest.raises(ValueError, match=r'(label_margin|lead_memory)=3\.0.*leave it'):
        shard_statistics(loss, ClassShards(8))


@pytest.mark.parametrize('name', [name for name in CASES if not is_bias(name)])
def test_another_loss_is_refused(name):
    loss = CASES[name].build()
    message = rf'^{type(loss).__name__} is not cross-entropy on .*GALALoss'
    with pytest.raises(ValueError, match=message):
        shard_statistics(loss, ClassShards(len(COUNTS)))


def test_a_loss_of_another_library_is_refused():
    with pytest.raises(ValueError, match=r'^CrossEntropyLoss is not .*lambda_pos=0'):
        shard_statistics(torch.nn.CrossEntropyLoss(), ClassShards(3))
