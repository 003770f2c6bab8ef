"""A training of the loop on the device on ranks; for processes of their own."""

import os

import mmengine.device.utils
import numpy as np

from tests.engine.on_device_training import train


def train_on_rank(rank, world_size, work_dir, pipeline):
    """What a rank has seen in each of two epochs."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, also where there is a GPU
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
