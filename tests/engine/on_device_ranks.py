"""A training with the on-device loop on one rank, for child processes."""

import os

import mmengine.device.utils
import numpy as np

from tests.engine.on_device_training import train


def train_on_rank(rank, world_size, work_dir, pipeline):
    """Samples of one rank in each of two epochs."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    os.environ['LOCAL_RANK'] = str(rank)
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    runner, recorder = train(
        work_dir,
        pipeline=pipeline,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        batch_size=5,
    )
    inputs = np.concatenate(recorder.inputs)
    samples = np.concatenate(recorder.samples).reshape(2, -1).tolist()
    return dict(
        samples=samples,
        views=[view.tobytes() for view in inputs],
        parameters=[p.detach().numpy().tobytes() for p in runner.model.parameters()],
    )
