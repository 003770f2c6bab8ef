"""A one-second training that records the samples of each step."""

import uuid

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

COUNTS = (13, 6, 3, 1)  # 23 samples: no batch size divides them
RUNNER_OPTIONS = (
    'cfg', 'checkpoint_interval', 'custom_hooks', 'launcher', 'load_from', 'model',
    'optim_wrapper', 'resume', 'train_cfg', 'val_cfg', 'val_dataloader',
    'val_evaluator', 'visualizer',
)  # fmt: skip


class NumberedSamples:
    """Samples whose features depend on their index; records which were loaded."""

    metainfo = {'classes': ('a', 'b', 'c', 'd')}

    def __init__(self):
        labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
        self.labels = np.random.default_rng(3).permutation(labels)
        self.loaded = []

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels

    def __getitem__(self, index):
        self.loaded.append(index)
        generator = torch.Generator().manual_seed(index)
        return dict(
            inputs=torch.randn(3, generator=generator),
            labels=int(self.labels[index]),
            index=index,
        )


class Linear(BaseModel):
    """A linear classifier."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.fc = nn.Linear(3, len(COUNTS))
        self.fc.weight.data = torch.randn(len(COUNTS), 3, generator=generator)
        self.fc.bias.data.zero_()

    def forward(self, inputs, labels, index, mode='loss'):
        return dict(loss=nn.functional.cross_entropy(self.fc(inputs), labels))


class Recorder(Hook):
    """Records batches and learning rates; optionally interrupts after a step."""

    priority = 'LOWEST'  # after the checkpoint

    def __init__(self, interrupt_after=None):
        self.interrupt_after = interrupt_after
        self.batches = []
        self.learning_rates = []
        self.epoch_ends = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.batches.append(data_batch['index'].tolist())
        self.learning_rates.append(runner.optim_wrapper.get_lr()['lr'][0])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.interrupt_after:
            raise InterruptedError

    def after_train_epoch(self, runner):
        self.epoch_ends.append((runner.epoch, runner.iter))


def train(work_dir, interrupt_after=None, sampler=None, seed=0, **options):
    """Train by SGD, by default for 3 epochs of 6 batches.

    Args:
        work_dir: folder for all output; if interrupted, with a checkpoint of that step.
        interrupt_after: step after which the training is interrupted.
        sampler: config of the sampler. Defaults to class-aware sampling.
        seed: seed of the training, or None.
        **options: options of the runner if in ``RUNNER_OPTIONS``, else of the loader.

    Returns:
        The runner, and the recorder that has ``batches`` and more.
    """
    settings = {key: options.pop(key) for key in RUNNER_OPTIONS if key in options}
    interval = settings.pop('checkpoint_interval', interrupt_after or 10**6)
    hooks = settings.pop('custom_hooks', [dict(type='mmgala.ResumeWithinEpochHook')])
    settings.setdefault('train_cfg', dict(by_epoch=True, max_epochs=3))
    settings.setdefault('model', Linear())
    settings.setdefault(
        'optim_wrapper', dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
    )
    recorder = Recorder(interrupt_after)
    runner = Runner(
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=NumberedSamples(),
            sampler=sampler or dict(type='mmgala.ClassAwareSampler'),
            collate_fn=dict(type='default_collate'),
            **{'batch_size': 4, 'num_workers': 0, **options},
        ),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=9),
            dict(type='ExponentialLR', gamma=0.5, by_epoch=True),
        ],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=interval)
        ),
        custom_hooks=[*hooks, recorder],
        randomness=dict(seed=seed),
        experiment_name=uuid.uuid4().hex,  # runners with the same name share a logger
        **settings,
    )
    try:
        runner.train()
    except InterruptedError:
        assert interrupt_after is not None
    _end_workers(runner)
    return runner, recorder


def _end_workers(runner):
    """End workers now, as the garbage collector would wait for some until a timeout."""
    endless = getattr(runner.train_loop, 'dataloader_iterator', None)
    for owner in (runner.train_dataloader, endless):
        iterator = getattr(owner, '_iterator', None)
        if hasattr(iterator, '_shutdown_workers'):
            iterator._shutdown_workers()


def weights(runner):
    """Weights of the classifier and the optimiser's momentum, as bytes."""
    model = getattr(runner.model, 'module', runner.model)
    momentum = runner.optim_wrapper.optimizer.state.values()
    tensors = [*model.state_dict().values(), *(m['momentum_buffer'] for m in momentum)]
    return [tensor.cpu().numpy().tobytes() for tensor in tensors]
