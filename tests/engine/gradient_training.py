"""A training with GradientStatisticsHook that logs all logits of its loss."""

import os

import mmengine.device.utils
import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement
from mmpretrain.models.losses import CrossEntropyLoss
from torch import nn

from mmgala.analysis import SUMS, read_gradient_run
from mmgala.engine import GradientStatisticsHook, ResumeWithinEpochHook
from tests.engine.index_training import COUNTS, Linear, train
from tests.reference.gradient_sums_numpy import gradient_sums, softmax

LIMITS = dict(many=10, few=3)


class Classifier(Linear):
    """A linear classifier whose loss is a module; it also computes it in validation."""

    def __init__(self, loss=None, frozen_features=False, shrink=1.0):
        super().__init__()
        self.loss_module = loss or CrossEntropyLoss()
        self.backbone = nn.Linear(3, 3)
        self.backbone.weight.data = torch.eye(3)
        self.backbone.bias.data.zero_()
        self.backbone.requires_grad_(not frozen_features)
        self.shrink = shrink

    def forward(self, inputs, labels, index, mode='loss'):
        logits = self.fc(self.backbone(inputs))
        loss = self.loss_module(logits, labels, avg_factor=self.shrink * len(logits))
        return dict(loss=loss) if mode == 'loss' else [BaseDataElement()] * len(logits)


class Log(Hook):
    """Logits and labels of each training step, by epoch."""

    def __init__(self):
        self.epochs = {}
        self._epoch = None

    def before_train(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        model = model if hasattr(model, 'loss_module') else model.head
        loss = model.loss_module
        self._handle = loss.register_forward_pre_hook(self._note)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._epoch = runner.epoch + 1

    def _note(self, module, args):
        if torch.is_grad_enabled():
            logits, labels = (tensor.detach().clone() for tensor in args[:2])
            self.epochs.setdefault(self._epoch, []).append((logits, labels))

    def after_train(self, runner):
        self._handle.remove()


class ScaledOptimWrapper(OptimWrapper):
    """Loss scaling as in ``AmpOptimWrapper``, which requires a GPU."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.scaler = torch.amp.GradScaler('cpu', init_scale=2.0**14)

    def backward(self, loss, **kwargs):
        self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs):
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()


def observed(work_dir, interrupt_after=None, hooks=(), statistics=None, **options):
    """Train with the hook; return the runner and its log.

    Args:
        work_dir: folder for all output.
        interrupt_after: step after which the training is interrupted.
        hooks: more hooks.
        statistics: arguments of the hook.
        **options: options of :func:`tests.engine.index_training.train`.
    """
    log = Log()
    arguments = {**LIMITS, 'matrix': True, 'draw_interval': 0, **(statistics or {})}
    options.setdefault('model', Classifier())
    runner, _ = train(
        work_dir,
        interrupt_after,
        custom_hooks=[GradientStatisticsHook(**arguments), log, *hooks],
        **options,
    )
    return runner, log


def expected_sums(steps):
    """Sums of cross-entropy over steps of (logits, labels or soft labels)."""
    logits = torch.cat([step[0] for step in steps]).double().numpy()
    num_classes = logits.shape[1]
    soft = [
        step[1] if step[1].ndim == 2 else torch.eye(num_classes)[step[1]]
        for step in steps
    ]
    target = torch.cat(soft).double().numpy()
    return gradient_sums(softmax(logits) - target, target, COUNTS, **LIMITS)


def assert_sums(found, expected, rtol=1e-5):
    for name in SUMS:
        np.testing.assert_allclose(
            getattr(found, name), expected[name], rtol=rtol, atol=1e-6, err_msg=name
        )


def assert_epochs_match(work_dir, epochs, rtol=1e-5):
    """Check the files of a work dir against logged steps, epoch by epoch."""
    records = read_gradient_run(work_dir)
    assert [(r.unit, r.number) for r in records] == [('epoch', e) for e in epochs]
    steps = []
    for record, of_epoch in zip(records, epochs.values(), strict=True):
        steps += of_epoch
        assert_sums(record.period, expected_sums(of_epoch), rtol)
        assert_sums(record.total, expected_sums(steps), rtol)


def observe_on_rank(rank, world_size, work_dir, **options):
    """Logged epochs of one rank, as plain arrays."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    os.environ['LOCAL_RANK'] = str(rank)
    wrapper = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    _, log = observed(
        work_dir,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        sampler=dict(type='DefaultSampler', shuffle=True, round_up=False),
        **options,
    )
    return {
        epoch: [(z.numpy(), y.numpy()) for z, y in steps]
        for epoch, steps in log.epochs.items()
    }


def observe_interrupted_on_rank(rank, world_size, work_dir, stop):
    """Logged epochs of the two parts of an interrupted training, on one rank."""
    hooks = dict(hooks=[ResumeWithinEpochHook()])
    first = observe_on_rank(rank, world_size, work_dir, interrupt_after=stop, **hooks)
    torch.distributed.barrier()  # the first rank has written its checkpoint
    hooks = dict(hooks=[ResumeWithinEpochHook()])
    second = observe_on_rank(rank, world_size, work_dir, resume=True, **hooks)
    return first, second


def merged(ranks):
    """Epochs of all ranks together, as tensors."""
    return {
        epoch: [
            tuple(torch.from_numpy(array) for array in step)
            for rank in ranks
            for step in rank[epoch]
        ]
        for epoch in ranks[0]
    }


def text_of_log(work_dir):
    """Text of all logs in a work dir."""
    return '\n'.join(path.read_text() for path in work_dir.rglob('*.log'))
