"""An interrupted training on one rank, in a separate module for child processes."""

import os

import mmengine.device.utils
import torch.distributed as dist

from tests.engine.index_training import train, weights


def train_and_resume_on_rank(rank, world_size, work_dir, stop):
    """Batches of an interrupted and of an uninterrupted training on a rank."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    os.environ['LOCAL_RANK'] = str(rank)
    options = dict(launcher='pytorch', cfg=dict(model_wrapper_cfg=wrapper))
    whole, expected = train(f'{work_dir}/whole', **options)
    _, first = train(f'{work_dir}/parts', stop, **options)
    dist.barrier()  # the first rank has written its checkpoint
    last, second = train(f'{work_dir}/parts', resume=True, **options)
    return dict(
        batches=first.batches + second.batches,
        uninterrupted=expected.batches,
        equal_weights=weights(last) == weights(whole),
    )
