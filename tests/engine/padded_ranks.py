"""A training on ranks that need a padding sample, for child processes."""

import os

import mmengine.device.utils

from mmgala.analysis import read_gradient_run
from mmgala.engine import PaddingHook, ResumeWithinEpochHook
from mmgala.models import GALALoss, SeesawLoss
from tests.engine.gradient_training import Classifier, observed

LOSSES = {
    'gala': lambda: GALALoss(4, count_share=0.5),
    'official': lambda: GALALoss(4, variant='official'),
    'seesaw': lambda: SeesawLoss(4),
}


def train_on_rank(rank, world_size, work_dir, loss, padding_hook=True, **options):
    """Recorded samples of each class, the loss's statistics, and all weights."""
    mmengine.device.utils.DEVICE = 'cpu'  # gloo, even if there is a GPU
    os.environ['LOCAL_RANK'] = str(rank)
    wrapper = dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False
    )
    hooks = [ResumeWithinEpochHook(), *([PaddingHook()] if padding_hook else [])]
    options.setdefault('sampler', dict(type='DefaultSampler', shuffle=True))
    runner, _ = observed(
        work_dir,
        hooks=hooks,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        model=Classifier(LOSSES[loss]()),
        **options,
    )
    module = runner.model.module
    written = rank == 0 and 'interrupt_after' not in options
    records = read_gradient_run(work_dir) if written else []
    return dict(
        samples=[record.period.samples.tolist() for record in records],
        statistics={k: v.tolist() for k, v in module.loss_module.statistics.items()},
        weights={n: p.detach().numpy() for n, p in module.named_parameters()},
    )
