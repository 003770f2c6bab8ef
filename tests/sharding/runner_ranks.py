"""A one-second training by MMEngine's runner, on one rank of several."""

import os
import uuid
from pathlib import Path

import mmengine.device.utils
import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from torch import nn

from mmgala.models import GALAHead
from mmgala.registry import MODELS
from mmgala.sharding import ClassShards, clip_gradient_norm

NUM_CLASSES, NUM_FEATURES, SAMPLES, BATCH = 5, 6, 48, 8


class Samples:
    """Vectors with labels; more of the first classes."""

    def __init__(self, names='abcde', size=SAMPLES):
        self.size = size
        self.metainfo = dict(classes=tuple(names))
        generator = torch.Generator().manual_seed(4)
        self.inputs = torch.randn(SAMPLES, NUM_FEATURES, generator=generator)
        draws = torch.rand(SAMPLES, generator=generator).square()
        self.labels = (draws * NUM_CLASSES).long()
        self.inputs[:, 0] += self.labels

    def __len__(self):
        return self.size

    def get_gt_labels(self):
        return self.labels.numpy()

    def __getitem__(self, index):
        return dict(inputs=self.inputs[index], labels=self.labels[index])


class Classifier(BaseModel):
    """A layer that all ranks train, and a head."""

    def __init__(self, head):
        super().__init__()
        self.layer = nn.Linear(NUM_FEATURES, NUM_FEATURES)
        self.head = MODELS.build(dict(in_channels=NUM_FEATURES, **head))

    def forward(self, inputs, labels, mode='loss'):
        samples = [DataSample().set_gt_label(label.reshape(1)) for label in labels]
        feats = (self.layer(inputs).tanh(),)
        return getattr(self.head, mode)(feats, samples)


class Losses(Hook):
    """Notes the loss of each step; may end the training like a crash."""

    priority = 'VERY_LOW'

    def __init__(self, crash_at=None):
        self.values, self.crash_at = [], crash_at

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.values.append(float(outputs['loss']))
        if runner.iter + 1 == self.crash_at:
            raise KeyboardInterrupt


def build_runner(rank, world_size, work_dir, head, epochs=2, hooks=(), **options):
    """A runner, with the wrapper and hook of shared-out classes where needed."""
    init_default_scope('mmpretrain')
    mmengine.device.utils.DEVICE = 'cpu'
    os.environ['LOCAL_RANK'] = str(rank)
    sharded = head.get('shard_classes', False)
    kind = 'ClassShardsDataParallel' if sharded else 'MMDistributedDataParallel'
    wrapper = dict(type=f'mmgala.{kind}' if sharded else kind)
    if not sharded:
        wrapper['device_ids'] = None
    cfg = dict(model_wrapper_cfg=options.pop('wrapper', wrapper))
    own = [dict(type='mmgala.ClassShardsHook')] if sharded else []
    torch.manual_seed(0)
    names = options.pop('names', 'abcde')
    optimizer = options.pop('optimizer', dict(type='SGD', lr=0.3, momentum=0.9))
    optim_wrapper = options.pop('optim_wrapper', dict(optimizer=optimizer))
    loader = dict(
        dataset=Samples(names),
        batch_size=BATCH // world_size,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=True, seed=1),
    )
    if options.get('test_dataloader'):
        sampler = dict(type='DefaultSampler', shuffle=False)
        batch = dict(batch_size=7, dataset=Samples(names, 46))  # not divisible by ranks
        options['test_dataloader'] = dict(loader, sampler=sampler, **batch)
    return Runner(
        model=Classifier(dict(num_classes=NUM_CLASSES, **head)),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=optim_wrapper,
        default_hooks=dict(
            logger=None,
            checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1),
        ),
        custom_hooks=[*options.pop('own_hooks', own), *hooks],
        launcher='pytorch',
        default_scope='mmpretrain',
        experiment_name=uuid.uuid4().hex,
        cfg=cfg,
        **options,
    )


def state_of(model):
    """Every parameter and buffer of this rank."""
    named = dict(model.named_parameters()) | dict(model.named_buffers())
    return {name: value.detach().clone().numpy() for name, value in named.items()}


def train(rank, world_size, work_dir, head, crash_at=None, **options):
    """Losses of a training, and the state of this rank after it."""
    losses = Losses(crash_at)
    runner = build_runner(rank, world_size, work_dir, head, hooks=[losses], **options)
    try:
        runner.train()
    except KeyboardInterrupt:
        assert crash_at
    dist.barrier()
    model = getattr(runner.model, 'module', runner.model)
    return dict(losses=losses.values, state=state_of(model))


def error_of(rank, world_size, work_dir, head, **options):
    """Message of the error that a training ends in."""
    try:
        build_runner(rank, world_size, work_dir, head, **options).train()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
    return 'no error'


def write_initial_weights(path: Path) -> None:
    """A checkpoint of an unsharded model."""
    init_default_scope('mmpretrain')
    torch.manual_seed(3)
    model = Classifier(dict(type='mmgala.GALAHead', num_classes=NUM_CLASSES))
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)


def error_of_clipping(rank, world_size):
    """Message of the error where a gradient of the last rank is infinite."""
    shards = ClassShards.here(NUM_CLASSES)
    weights = [nn.Parameter(torch.ones(3)) for _ in range(2)]
    for weight in weights:
        weight.grad = torch.ones(3)
    if rank == world_size - 1:
        weights[1].grad[0] = torch.inf
    arguments = dict(shares=weights[1:], shards=shards, error_if_nonfinite=True)
    try:
        clip_gradient_norm(weights, 1.0, **arguments)
    except RuntimeError as error:
        return str(error)
    return 'no error'


def error_of_loading(rank, world_size, stored, num_classes):
    """Message of the error where a checkpoint has another number of classes."""
    state = GALAHead(stored, NUM_FEATURES).state_dict()
    head = GALAHead(num_classes, NUM_FEATURES, shard_classes=True)
    try:
        head.load_state_dict(state, strict=False)
    except RuntimeError as error:
        return str(error)
    return 'no error'


def error_without_wrapper(rank, world_size):
    """Message of the error of a step whose gradients DDP would average."""
    head = GALAHead(NUM_CLASSES, NUM_FEATURES, shard_classes=True)
    samples = [DataSample().set_gt_label(0)]
    try:
        head.loss((torch.zeros(1, NUM_FEATURES),), samples)
    except ValueError as error:
        return str(error)
    return 'no error'
