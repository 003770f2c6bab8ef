"""BFloat16OptimWrapper: OptimWrapper under bfloat16 autocast."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import nn
from torch.testing import assert_close

from mmgala.engine import BFloat16OptimWrapper
from tests.engine.convolution_training import BFLOAT16, tensors, train_convolutions
from tests.engine.index_training import COUNTS, weights
from tests.reference.gala_numpy import Gala


class Steps(Hook):
    """Records logits and labels of the loss, and the dtype of layer outputs."""

    def __init__(self):
        self.batches, self.dtypes = [], []

    def before_train(self, runner):
        model = runner.model
        model.loss_module.register_forward_pre_hook(self._note_batch)
        for layer in (model.conv1, model.conv2, model.fc):
            layer.register_forward_hook(self._note_type)

    def _note_batch(self, module, args):
        self.batches.append([tensor.detach().clone() for tensor in args])

    def _note_type(self, module, args, output):
        self.dtypes.append(output.dtype)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A training in bfloat16, and its recorded steps."""
    steps = Steps()
    folder = tmp_path_factory.mktemp('bfloat16')
    runner = train_convolutions(folder, hooks=[steps], optim_wrapper=BFLOAT16)
    return runner, steps


def test_layers_compute_in_bfloat16_and_weights_stay_float32(trained):
    runner, steps = trained
    assert steps.dtypes == [torch.bfloat16] * 3 * 18
    assert {tensor.dtype for tensor in tensors(runner).values()} == {torch.float32}
    assert not torch.is_autocast_enabled('cpu')


def test_statistics_follow_the_formula(trained):
    runner, steps = trained
    expected = Gala(len(COUNTS))
    for logits, labels in steps.batches:
        assert logits.dtype == torch.bfloat16
        expected.step(logits.double().numpy(), labels.numpy())
    loss = runner.model.loss_module
    np.testing.assert_allclose(loss.pos_grad.numpy(), expected.theta, rtol=1e-5)
    np.testing.assert_allclose(loss.neg_grad.numpy(), expected.phi, rtol=1e-5)
    assert (expected.theta > 0.5).all()


def test_it_trains_as_float32_within_bfloat16s_precision(tmp_path, trained):
    full = train_convolutions(tmp_path).model.state_dict()
    half = trained[0].model.state_dict()
    assert not torch.equal(half['conv1.weight'], full['conv1.weight'])
    assert_close(half, full, rtol=2**-8, atol=2**-8)


def test_a_resumed_training_is_the_same_bit_by_bit(tmp_path, trained):
    train_convolutions(tmp_path, 4, optim_wrapper=BFLOAT16)
    resumed = train_convolutions(tmp_path, optim_wrapper=BFLOAT16, resume=True)
    assert weights(resumed) == weights(trained[0])


def wrapped(**options):
    """A small model, its wrapper, and two batches."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    batches = torch.randn(2, 5, 3)
    return model, BFloat16OptimWrapper(optimizer=optimizer, **options), batches


def test_gradients_are_accumulated_and_clipped():
    model, wrapper, batches = wrapped(
        accumulative_counts=2, clip_grad=dict(max_norm=0.25)
    )
    for batch in batches:
        with wrapper.optim_context(model):
            loss = model(batch).square().mean()
        wrapper.update_params(loss)

    expected, other, _ = wrapped()
    for batch in batches:
        with torch.autocast('cpu', torch.bfloat16):
            loss = expected(batch).square().mean()
        (loss / 2).backward()
    norm = nn.utils.clip_grad_norm_(expected.parameters(), 0.25)
    other.optimizer.step()
    assert norm > 0.25
    assert_close(dict(model.named_parameters()), dict(expected.named_parameters()),
                 rtol=0, atol=0)  # fmt: skip


def test_ranks_do_not_synchronize_while_gradients_accumulate():
    model, wrapper, batches = wrapped(accumulative_counts=2)
    entered = []

    @contextmanager
    def no_sync():
        entered.append(wrapper.inner_count)
        yield

    model.no_sync = no_sync
    for batch in [*batches, *batches]:
        with wrapper.optim_context(model):
            loss = model(batch).square().mean()
        wrapper.update_params(loss)
    assert entered == [0, 2]


def test_it_continues_a_training_in_float16():
    model, wrapper, batches = wrapped()
    wrapper.update_params(model(batches[0]).square().mean())
    state = wrapper.state_dict()
    assert 'loss_scaler' not in state
    scaler = torch.amp.GradScaler('cpu').state_dict()

    _, other, _ = wrapped()
    other.load_state_dict({**state, 'loss_scaler': scaler})

    assert_close(other.optimizer.state_dict()['state'], state['state'])
    assert 'momentum_buffer' in state['state'][0]
