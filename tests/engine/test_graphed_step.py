"""A training step that is recorded and repeated trains like the ordinary step."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch.utils._python_dispatch import TorchDispatchMode

from mmgala.engine.graphed_step import GraphedStep
from mmgala.engine.on_device_train_loop import OnDeviceTrainLoop
from tests.engine.on_device_training import train, weights

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='CUDA graphs need an NVIDIA GPU'
)


class Repeats:
    """Stands in for a graph: repeats the Python code, and counts the recordings."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, step):
        self.recorded += 1
        outputs = {}

        def replay():
            self.replayed += 1
            outputs.update(step())

        return outputs, replay


@pytest.fixture
def repeats(monkeypatch):
    """Train every epoch with recorded steps, though there is no GPU."""
    repeats = Repeats()
    original = OnDeviceTrainLoop._run_graphed

    def run_epoch(self):
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        original(self, repeats)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    monkeypatch.setattr(OnDeviceTrainLoop, 'run_epoch', run_epoch)
    return repeats


def assert_equal_trainings(first, second):
    (runner, recorder), (other, expected) = first, second
    assert recorder.losses == expected.losses
    assert recorder.labels == expected.labels
    assert weights(runner) == weights(other)
    assert (runner.epoch, runner.iter) == (other.epoch, other.iter)


@pytest.mark.parametrize(
    ('options', 'recorded', 'replayed'),
    [
        # 7 steps an epoch, the last one with 2 images; the first only prepares.
        (dict(), 2, 10),
        (dict(drop_last=True), 2, 10),
        # The rate changes with the epoch, and later with the step: nothing to repeat.
        (dict(param_scheduler=dict(type='ExponentialLR', gamma=0.5)), 2, 10),
        (
            dict(param_scheduler=dict(type='ExponentialLR', gamma=0.9, by_epoch=False)),
            0,
            0,
        ),
    ],
    ids=str,
)
def test_recorded_steps_train_like_others(
    tmp_path, repeats, request, options, recorded, replayed
):
    graphed = train(tmp_path / 'graphed', True, **options)
    assert (repeats.recorded, repeats.replayed) == (recorded, replayed)

    request.getfixturevalue('monkeypatch').undo()
    assert_equal_trainings(graphed, train(tmp_path / 'plain', True, **options))


class NoReading(TorchDispatchMode):
    """Fails where the value of a tensor is read: on a GPU, the host would wait."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, 'value was read'
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    'method', ['cross_entropy', 'gala', 'balanced_softmax', 'ldam_drw']
)
def test_steps_of_the_recipes_read_no_value(repository, monkeypatch, method):
    # As on a GPU.
    monkeypatch.setattr('mmgala.functional.checks.is_readable', lambda values: False)
    cfg = Config.fromfile(
        f'{repository}/configs/{method}/resnet32_cifar100-lt-if100.py'
    )
    cfg.model.backbone.depth = 20
    cfg.model.data_preprocessor = cfg.data_preprocessor
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model).train()
    loss = model.head.loss_module
    if hasattr(loss, 'set_class_counts'):
        loss.set_class_counts(torch.arange(1, 101))
        loss.reweighting = True
    step = GraphedStep(model, build_optim_wrapper(model, cfg.optim_wrapper), Repeats())
    inputs = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    with NoReading():
        for _ in range(3):
            assert step(step.batch(inputs, torch.arange(4)))['loss'].shape == ()


def test_reading_a_value_is_noticed():
    with NoReading(), pytest.raises(AssertionError, match='read'):
        float(torch.ones(1))


@needs_gpu
def test_a_cuda_graph_trains_like_other_steps(tmp_path):
    graphed, recorder = train(tmp_path / 'graph', True, cuda_graph=True)
    plain, expected = train(tmp_path / 'plain', True)
    torch.testing.assert_close(
        torch.tensor(recorder.losses), torch.tensor(expected.losses), rtol=1e-3, atol=0
    )
    assert recorder.labels == expected.labels
