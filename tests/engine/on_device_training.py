"""A one-second training on images, with the on-device or the ordinary loop."""

import uuid

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.models import ImageClassifier
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.models.necks import GlobalAveragePooling

from mmgala.models import CIFARResNet
from tests.datasets.on_device.pictures import photograph
from tests.datasets.on_device.sets import PACK, Pictures

COUNT = 50  # no batch size divides it
RUNNER_OPTIONS = ('launcher', 'resume', 'cfg', 'default_hooks', 'param_scheduler')
LOOP_OPTIONS = ('chunk_size', 'cuda_graph')


def training_set(pipeline):
    """Three classes that differ in colour; the last images are of the first class."""
    images = np.stack([photograph(seed=seed) for seed in range(COUNT)])
    labels = [0 if i > 40 else i % 3 for i in range(COUNT)]
    for image, label in zip(images, labels, strict=True):
        image[..., label] //= 2
    return Pictures(images, labels, pipeline)


class Recorder(Hook):
    """Records inputs, samples and losses; optionally interrupts after a step."""

    priority = 'LOWEST'  # after the checkpoint

    def __init__(self, interrupt_after=None):
        self.interrupt_after = interrupt_after
        self.inputs, self.samples, self.labels, self.losses = [], [], [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        self.samples.append([sample.get('sample_idx') for sample in samples])
        self.labels.append([int(sample.gt_label) for sample in samples])
        self.inputs.append(torch.stack(list(data_batch['inputs'])).numpy().copy())

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(float(outputs['loss']))
        if runner.iter + 1 == self.interrupt_after:
            raise InterruptedError


def model(seed, **preprocessing):
    torch.manual_seed(seed)
    return ImageClassifier(
        backbone=CIFARResNet(20, base_channels=2),
        neck=GlobalAveragePooling(),
        head=LinearClsHead(3, 8, init_cfg=None, loss=dict(type='CrossEntropyLoss')),
        data_preprocessor=dict(mean=[110.0] * 3, std=[50.0] * 3, **preprocessing),
    )


def settings(work_dir, on_device, pipeline, epochs, hooks, loader, seed):
    """Arguments of the runner, without the model."""
    loop = dict(type='mmgala.OnDeviceTrainLoop') if on_device else dict(by_epoch=True)
    loop |= {key: loader.pop(key) for key in LOOP_OPTIONS if key in loader}
    return dict(
        work_dir=str(work_dir),
        train_cfg=dict(**loop, max_epochs=epochs),
        train_dataloader={
            'dataset': training_set(pipeline),
            'sampler': dict(type='DefaultSampler', shuffle=True),
            'batch_size': 8,
            'num_workers': 0,
            **loader,
        },
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        custom_hooks=hooks,
        randomness=dict(seed=seed),
        default_scope='mmpretrain',
        experiment_name=uuid.uuid4().hex,  # runners with the same name share a logger
    )


def train(
    work_dir,
    on_device=True,
    pipeline=(PACK,),
    epochs=2,
    interrupt_after=None,
    hooks=(),
    preprocessing=None,
    seed=0,
    **options,
):
    """Train a small network.

    Args:
        work_dir: folder for all output.
        on_device: whether to use the on-device loop.
        pipeline: steps of the data set's pipeline.
        epochs: number of epochs; by default of 7 batches, the last one incomplete.
        interrupt_after: step after which the training is interrupted.
        hooks: custom hooks besides the recorder.
        preprocessing: more options of the data preprocessor.
        seed: seed of the training.
        **options: options of the runner if in ``RUNNER_OPTIONS``, of the loop if in
            ``LOOP_OPTIONS``, else of the loader.

    Returns:
        The runner, and the recorder.
    """
    more = {key: options.pop(key) for key in RUNNER_OPTIONS if key in options}
    recorder = Recorder(interrupt_after)
    hooks = [*hooks, recorder]
    cfg = settings(work_dir, on_device, pipeline, epochs, hooks, options, seed)
    runner = Runner(model=model(seed or 0, **(preprocessing or {})), **cfg, **more)
    try:
        runner.train()
    except InterruptedError:
        assert interrupt_after is not None
    return runner, recorder


def weights(runner):
    """State of the network, as bytes."""
    network = getattr(runner.model, 'module', runner.model)
    return [tensor.cpu().numpy().tobytes() for tensor in network.state_dict().values()]
