"""MMEngine's runner with four images and a tiny residual network."""

import uuid

import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpretrain.models.heads import LinearClsHead
from mmpretrain.models.necks import GlobalAveragePooling
from mmpretrain.structures import DataSample
from torch.utils.data import DataLoader

from mmgala.models import CIFARResNet, DecoupledClassifier


class CountMetric(BaseMetric):
    """Number of samples."""

    def process(self, data_batch, data_samples):
        self.results.extend(1 for _ in data_samples)

    def compute_metrics(self, results):
        return {'samples': len(results)}


def tiny_model(seed=0, depth=20, base_channels=2, **options):
    """Classifier of three classes with weights that depend on the seed."""
    init_default_scope('mmpretrain')
    torch.manual_seed(seed)
    return DecoupledClassifier(
        backbone=CIFARResNet(depth, base_channels=base_channels),
        neck=GlobalAveragePooling(),
        head=LinearClsHead(3, 4 * base_channels, init_cfg=None),
        **options,
    )


def loader():
    samples = [
        dict(inputs=torch.rand(3, 8, 8), data_samples=DataSample().set_gt_label(i % 3))
        for i in range(4)
    ]
    return DataLoader(samples, batch_size=2, collate_fn=pseudo_collate)


def tiny_runner(work_dir, model=None, unit='epochs', steps=1, **options):
    """Runner that trains and tests.

    Args:
        work_dir: folder for all output.
        model: model to train; by default a new one.
        unit: ``'epochs'`` or ``'iterations'``.
        steps: number of epochs or iterations.
        **options: options of the runner.
    """
    by_epoch = unit == 'epochs'
    limit = 'max_epochs' if by_epoch else 'max_iters'
    return Runner(
        model=model or tiny_model(),
        work_dir=str(work_dir),
        train_dataloader=loader(),
        train_cfg={'by_epoch': by_epoch, limit: steps},
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        test_dataloader=loader(),
        test_cfg=dict(),
        test_evaluator=[CountMetric()],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=by_epoch)
        ),
        log_processor=dict(by_epoch=by_epoch),
        default_scope='mmpretrain',
        # Runners with the same name share a logger.
        experiment_name=uuid.uuid4().hex,
        **options,
    )
