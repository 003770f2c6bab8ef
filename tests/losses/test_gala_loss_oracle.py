"""`GALALoss(variant='official')` reproduces what the authors' code computed."""

import numpy as np
import pytest
import torch
from torch import nn

from mmgala.losses import GALALoss

TRACES = ['official_trace_c10_l1.0_l1.0', 'official_trace_c20_l1.2_l0.9']
RELATIVE = 1e-5


@pytest.fixture(scope='module', params=TRACES)
def trace(request, shared_dir):
    with np.load(shared_dir / 'oracle' / f'{request.param}.npz') as recorded:
        return {name: recorded[name] for name in recorded.files}


def replay(trace, lambda_neg):
    """Train a linear layer on the recorded batches, recording the same."""
    num_classes, num_features = trace['weight_init'].shape
    layer = nn.Linear(num_features, num_classes)
    layer.load_state_dict(
        {n: torch.from_numpy(trace[f'{n}_init']) for n in ('weight', 'bias')}
    )
    loss_module = GALALoss(
        num_classes, float(trace['lambda_1']), lambda_neg, variant='official'
    )
    hyper = {n: float(trace[n]) for n in ('lr', 'momentum', 'weight_decay')}
    optimizer = torch.optim.SGD(layer.parameters(), **hyper)
    names = ('loss', 'logit_grad', 'pos_grad', 'sample_neg_grad')
    steps = {name: [] for name in names}
    for features, labels in zip(trace['features'], trace['labels'], strict=True):
        logits = layer(torch.from_numpy(features))
        logits.retain_grad()
        loss = loss_module(logits, torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # The margin is constant: this is the gradient on the adjusted logits too.
        values = loss, logits.grad, loss_module.pos_grad, loss_module.neg_grad
        for name, value in zip(names, values, strict=True):
            steps[name].append(value.detach().clone().numpy())
    result = {name: np.stack(values) for name, values in steps.items()}
    result['weight_final'] = layer.weight.detach().numpy()
    result['bias_final'] = layer.bias.detach().numpy()
    return result


@pytest.fixture(scope='module')
def replayed(trace):
    return replay(trace, float(trace['lambda_2']))


@pytest.mark.parametrize('name', ['loss', 'pos_grad', 'sample_neg_grad'])
def test_loss_and_statistics_of_every_step_are_the_authors(trace, replayed, name):
    np.testing.assert_allclose(replayed[name], trace[name], rtol=RELATIVE, atol=0)


@pytest.mark.parametrize('name', ['logit_grad', 'weight_final', 'bias_final'])
def test_gradients_and_final_weights_are_the_authors(trace, replayed, name):
    # Single entries may be near 0: relative to the largest of the array.
    error = np.abs(replayed[name] - trace[name]).max()
    assert error <= RELATIVE * np.abs(trace[name]).max()


def test_the_replay_trains(trace):
    change = np.abs(trace['weight_final'] - trace['weight_init']).max()
    assert change > 0.1
    assert len(trace['loss']) == 40


@pytest.mark.parametrize('lambda_neg', [0.0, 5.0])
def test_lambda_neg_has_no_effect(trace, replayed, lambda_neg):
    other = replay(trace, lambda_neg)
    for name, expected in replayed.items():
        np.testing.assert_array_equal(other[name], expected)
