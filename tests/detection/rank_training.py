"""Detectors on the ranks of a gloo group, where a rank may have nothing to learn."""

from types import SimpleNamespace

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

from mmgala.detection import GALABBoxLoss, GALAObjectnessLoss
from mmgala.engine import ReduceStatisticsHook
from tests.detection.batches import NUM_CLASSES, regions, weights
from tests.detection.gradient_training import cascade, retina

COLUMNS = {'exclude': 1, 'objectness': 2, 'dense objectness': 1}
STEPS = 4


def new_losses(form):
    """Two losses of one form, as two stages of a cascade have them."""
    if form == 'dense objectness':
        return nn.ModuleList(GALAObjectnessLoss(NUM_CLASSES) for _ in range(2))
    return nn.ModuleList(GALABBoxLoss(NUM_CLASSES, form) for _ in range(2))


def batch_of(form, step, stage, rank):
    """Rank 1 has no foreground in step 1, and skips stage 1 in step 2."""
    if (step, stage, rank) == (2, 1, 1):
        return None
    seed = 100 * step + 10 * stage + rank
    share = 1.1 if (step, rank) == (1, 1) else 0.5
    logits, labels = regions(
        NUM_CLASSES + COLUMNS[form], seed=seed, background_share=share
    )
    return logits, labels, weights(seed=seed)


def train_losses(rank, world_size, form):
    """Statistics of each stage after some steps of this rank's batches."""
    losses = new_losses(form)
    hook, runner = ReduceStatisticsHook(), SimpleNamespace(model=losses)
    hook.before_train(runner)
    for step in range(STEPS):
        for stage, loss in enumerate(losses):
            batch = batch_of(form, step, stage, rank)
            if batch is not None:
                loss(*batch)
        hook.after_train_iter(runner, step)
    return [statistics_of(loss) for loss in losses]


def statistics_of(loss):
    return torch.stack([loss.pos_grad, loss.neg_grad]).numpy()


def images(seed, num_objects):
    """Two images of noise with as many boxes each."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(2):
        corner = 30 * torch.rand(num_objects, 2, generator=generator)
        boxes = torch.cat((corner, corner + 30), dim=1)
        labels = torch.randint(3, (num_objects,), generator=generator)
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64),
                scale_factor=(1.0, 1.0), batch_input_shape=(64, 64),
            )
        )  # fmt: skip
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        sample.ignored_instances = InstanceData(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.int64)
        )
        samples.append(sample)
    inputs = torch.randn(2, 3, 64, 64, generator=generator)
    return dict(inputs=inputs, data_samples=samples)


def no_proposals(model):
    """Let the proposal network find nothing, as one that is sure of itself may."""
    propose = model.rpn_head.loss_and_predict

    def loss_and_predict(*args, **kwargs):
        losses, results = propose(*args, **kwargs)
        return losses, [result[:0] for result in results]

    model.rpn_head.loss_and_predict = loss_and_predict


def train_detector(rank, world_size, kind, empty):
    """Statistics and logged keys of a detector; ``empty`` tells what rank 1 lacks."""
    init_default_scope('mmdet')
    torch.manual_seed(0)
    if kind == 'retina':
        config = retina()
        config.bbox_head.loss_cls.update(
            type='mmgala.GALAObjectnessLoss', num_classes=4, use_sigmoid=False
        )
    else:
        config = cascade(type='mmgala.GALABBoxLoss', background=kind)
    model = MODELS.build(config).train()
    if empty == 'regions' and rank == 1:
        no_proposals(model)
    wrapped = MMDistributedDataParallel(
        model, broadcast_buffers=False, find_unused_parameters=True
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    hook, runner = ReduceStatisticsHook(), SimpleNamespace(model=wrapped)
    hook.before_train(runner)
    keys = []
    for step in range(3):
        torch.manual_seed(10 * step + rank)
        data = images(10 * step + rank, 0 if rank == 1 else 3)
        log = wrapped.train_step(data, OptimWrapper(optimizer))
        hook.after_train_iter(runner, step)
        keys.append(sorted(log))
    heads = [model.bbox_head] if kind == 'retina' else model.roi_head.bbox_head
    return dict(
        statistics=[statistics_of(h.loss_cls) for h in heads],
        keys=keys,
        weights=sum(float(p.detach().double().sum()) for p in model.parameters()),
    )
