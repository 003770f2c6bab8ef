"""A training of two stages of heads with background, as in a cascade."""

import os
import uuid

import mmengine.device.utils
import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpretrain.models.losses import CrossEntropyLoss
from torch import nn

from mmgala.engine import GradientStatisticsHook
from tests.reference.gradient_sums_numpy import gradient_sums, softmax

CLASSES = ('a', 'b', 'c', 'd')
COUNTS = (20, 9, 4, 1)
LIMITS = dict(many=10, few=3)
STAGES = ('heads.0.loss_cls', 'heads.1.loss_cls')


class Scenes:
    """Images with five RoIs: features, labels (4: background) and weights."""

    metainfo = {'classes': CLASSES}

    def __init__(self):
        labels = np.repeat(np.arange(4), COUNTS)
        self.parts = np.array_split(np.random.default_rng(5).permutation(labels), 12)

    def __len__(self):
        return len(self.parts)

    def get_data_info(self, index):
        crowd = dict(bbox_label=3, ignore_flag=1)
        instances = [dict(bbox_label=int(c), ignore_flag=0) for c in self.parts[index]]
        return dict(img_path=f'{index}.png', instances=[*instances, crowd])

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        weights = torch.ones(5)
        weights[index % 5] = 0
        labels = [*self.parts[index], 4, 4, 4, 4, 4][:5]
        return dict(
            inputs=torch.randn(5, 3, generator=generator),
            labels=torch.tensor(labels),
            weights=weights,
        )


class Head(nn.Module):
    """A bbox head for C classes and background."""

    def __init__(self, num_classes, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.num_classes = num_classes
        self.fc = nn.Linear(3, num_classes + 1)
        self.fc.weight.data = torch.randn(num_classes + 1, 3, generator=generator)
        self.fc.bias.data.zero_()
        self.loss_cls = CrossEntropyLoss(loss_weight=2.0)

    def forward(self, features, labels, weights):
        return self.loss_cls(
            self.fc(features), labels, weights, avg_factor=weights.sum().item()
        )


class Cascade(BaseModel):
    """Two stages, the second of which some ranks skip, and a class-agnostic head."""

    def __init__(self, num_classes=4, skipping_ranks=()):
        super().__init__()
        self.rpn_head = Head(1, 2)
        self.heads = nn.ModuleList(Head(num_classes, seed) for seed in (0, 1))
        self.skipping_ranks = skipping_ranks

    def forward(self, inputs, labels, weights, mode='loss'):
        features = inputs.flatten(0, 1)
        labels, weights = labels.flatten(), weights.flatten()
        losses = dict(
            loss_rpn=self.rpn_head(features, (labels == 4).long(), weights),
            loss_0=self.heads[0](features, labels, weights),
        )
        if get_rank() not in self.skipping_ranks:
            later = labels.roll(1)  # each stage assigns labels itself
            losses['loss_1'] = 0.5 * self.heads[1](features, later, weights)
        return losses


class Log(Hook):
    """Logits, labels and weights of each call of each stage, over the training."""

    def __init__(self):
        self.steps = {name: [] for name in STAGES}

    def before_train(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        for name, steps in self.steps.items():
            model.get_submodule(name).register_forward_pre_hook(
                lambda module, args, steps=steps: steps.append(
                    [tensor.detach().numpy().copy() for tensor in args[:3]]
                )
            )


class Stop(Hook):
    """Interrupts the training after the checkpoint, as if it were killed."""

    priority = 'LOWEST'

    def __init__(self, after):
        self.after = after

    def after_train_epoch(self, runner):
        if runner.epoch + 1 == self.after:
            raise InterruptedError


def train(work_dir, model=None, statistics=None, hooks=(), stop_after=None, **options):
    """Train for three epochs of three batches; return the runner and the log.

    Args:
        work_dir: folder for all output.
        model: model to train.
        statistics: arguments of the hook; false for no hook.
        hooks: more hooks.
        stop_after: epoch after which the training is interrupted.
        **options: options of the runner; ``dataset`` and ``max_epochs``.
    """
    log = Log()
    watch = [] if statistics is False else [GradientStatisticsHook(
        **{**LIMITS, 'matrix': True, 'draw_interval': 0, **(statistics or {})}
    )]  # fmt: skip
    stop = [] if stop_after is None else [Stop(stop_after)]
    torch.manual_seed(0)
    runner = Runner(
        model=model or Cascade(),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=4,
            num_workers=0,
            dataset=options.pop('dataset', None) or Scenes(),
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='default_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=options.pop('max_epochs', 3)),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
        custom_hooks=[*watch, log, *hooks, *stop],
        randomness=dict(seed=0),
        experiment_name=uuid.uuid4().hex,  # runners with the same name share a logger
        **options,
    )
    try:
        runner.train()
    except InterruptedError:
        assert stop_after is not None
    return runner, log.steps


def expected_sums(steps):
    """Expected sums over steps of (logits, labels, weights)."""
    logits, labels, weights = (
        np.concatenate(part) for part in zip(*steps, strict=True)
    )
    target = np.eye(5)[labels]
    grad = (softmax(logits.astype(float)) - target) * weights[:, None]
    kept = (labels < 4) & (weights > 0)
    return gradient_sums(grad[kept, :4], target[kept, :4], COUNTS, **LIMITS)


def train_on_rank(rank, world_size, work_dir, **options):
    """Log of one rank; rank 1 skips the second stage."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    os.environ['LOCAL_RANK'] = str(rank)
    wrapper = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=True,
    )
    _, steps = train(
        work_dir,
        Cascade(skipping_ranks=(1,)),
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        **options,
    )
    return steps
