"""A one-second training of two convolutions with the GALA loss."""

import os
import warnings

import mmengine.device.utils
import torch
from mmengine.model import BaseModel
from torch import nn

from mmgala.engine import ChannelsLastHook, ResumeWithinEpochHook
from mmgala.models import GALALoss
from tests.engine.index_training import COUNTS, train

BFLOAT16 = dict(
    type='mmgala.BFloat16OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
)
PATTERN = torch.linspace(-1, 1, 36).view(6, 6)


class Convolutions(BaseModel):
    """Classifier of images whose channels are multiples of one pattern."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
            self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
            self.fc = nn.Linear(8, len(COUNTS))
        self.loss_module = GALALoss(len(COUNTS))

    def forward(self, inputs, labels, index, mode='loss'):
        images = inputs[:, :, None, None] * PATTERN
        features = self.conv2(self.conv1(images).relu()).relu().mean(dim=(2, 3))
        return dict(loss=self.loss_module(self.fc(features), labels))


def train_convolutions(
    work_dir, interrupt_after=None, channels_last=False, hooks=(), **options
):
    """Train, and return the runner.

    Args:
        work_dir: folder for all output.
        interrupt_after: step after which the training is interrupted.
        channels_last: whether to train with the hook.
        hooks: more hooks.
        **options: options of :func:`tests.engine.index_training.train`.
    """
    formats = [ChannelsLastHook()] if channels_last else []
    options.setdefault('model', Convolutions())
    runner, _ = train(
        work_dir,
        interrupt_after,
        custom_hooks=[ResumeWithinEpochHook(), *formats, *hooks],
        **options,
    )
    return runner


def tensors(runner):
    """Weights, statistics and momentum of a training, by name."""
    model = getattr(runner.model, 'module', runner.model)
    state = runner.optim_wrapper.optimizer.state
    momentum = {
        f'momentum of {name}': state[parameter]['momentum_buffer']
        for name, parameter in model.named_parameters()
    }
    return {**model.state_dict(), **momentum}


def train_on_rank(rank, world_size, work_dir, **options):
    """Train on a rank without the hook and with it.

    Returns:
        Tensors of both trainings, and the warnings of the second.
    """
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    os.environ['LOCAL_RANK'] = str(rank)
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None, **options)
    ranks = dict(launcher='pytorch', cfg=dict(model_wrapper_cfg=wrapper))
    plain = train_convolutions(f'{work_dir}/plain', **ranks)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        last = train_convolutions(f'{work_dir}/last', channels_last=True, **ranks)
    return tensors(plain), tensors(last), [str(w.message) for w in caught]
