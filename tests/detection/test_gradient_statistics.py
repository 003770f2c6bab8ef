"""GradientStatisticsHook on MMDetection's heads, against sums of logged logits."""

import copy

import numpy as np
import pytest
import torch
from mmdet.models.losses.seesaw_loss import seesaw_ce_loss
from mmdet.registry import DATASETS
from mmengine.registry import DefaultScope

from mmgala.analysis import read_gradient_run
from mmgala.analysis.gradient_files import loss_folders
from mmgala.datasets import count_classes, count_draws
from mmgala.engine import ClassCountsHook, GradientStatisticsHook
from mmgala.utils.checkpoint import read_checkpoint
from tests.detection.gradient_training import (
    CLASSES,
    LIMITS,
    Log,
    cascade,
    data_set,
    retina,
    train,
    write_coco,
)
from tests.engine.gradient_training import assert_sums
from tests.reference.gradient_sums_numpy import gradient_sums, softmax

pytestmark = pytest.mark.slow

STAGES = [f'roi_head.bbox_head.{i}.loss_cls' for i in range(3)]


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('images')
    return folder, write_coco(folder)


def hook(**options):
    return GradientStatisticsHook(**LIMITS, matrix=True, draw_interval=0, **options)


def sums_of(grad, labels, weights, counts):
    """Sums of the foreground, from gradients of all samples, ``(N, 4)`` at least."""
    kept = (labels < 4) & (weights > 0)
    grad = grad[kept, :4] * weights[kept, None]
    return gradient_sums(grad, np.eye(4)[labels[kept]], counts, **LIMITS)


def softmax_sums(calls, counts):
    logits, labels, weights = (
        torch.cat([call[i] for call in calls]).numpy() for i in range(3)
    )
    assert logits.shape[1] == 5
    grad = softmax(logits.astype(float)) - np.eye(5)[labels]
    return sums_of(grad, labels, weights, counts)


@pytest.fixture(scope='module')
def trained(images):
    """A cascade trained with the hook, and what each stage's loss was called with."""
    folder, counts = images
    log = Log(STAGES)
    runner = train(folder, 'cascade', cascade(), [hook(), ClassCountsHook(), log])
    return runner, folder / 'cascade', log.calls, counts


def test_each_stage_of_a_cascade(trained):
    _, work_dir, calls, counts = trained
    assert [folder.name for folder in loss_folders(work_dir)] == STAGES  # no RPN's
    for folder in loss_folders(work_dir):
        first, second = read_gradient_run(folder)
        assert first.class_names == CLASSES
        assert first.class_counts.tolist() == counts.tolist()
        of_stage = calls[folder.name]
        assert len(of_stage) == 4
        assert sum((call[1] < 4).sum() for call in of_stage) > 4
        assert_sums(first.period, softmax_sums(of_stage[:2], counts))
        assert_sums(second.period, softmax_sums(of_stage[2:], counts))
        assert_sums(second.total, softmax_sums(of_stage, counts))


def test_the_training_is_the_same_to_the_last_bit(images, trained):
    folder, _ = images
    without = train(folder, 'without', cascade())
    found = trained[0].model.state_dict()
    expected = without.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)


def test_a_cascade_is_resumed(images, trained):
    folder, counts = images
    log = Log(STAGES)
    train(
        folder, 'resumed', cascade(), [hook(), log], epochs=3,
        load_from=str(trained[1] / 'epoch_2.pth'), resume=True,
    )  # fmt: skip
    for stage in STAGES:
        (record,) = read_gradient_run(
            folder / 'resumed' / 'gradient_statistics' / stage
        )
        assert record.number == 3
        both = trained[2][stage] + log.calls[stage]
        assert_sums(record.period, softmax_sums(log.calls[stage], counts))
        assert_sums(record.total, softmax_sums(both, counts))


def test_counts_of_instances_are_in_the_checkpoint(trained):
    _, work_dir, _, counts = trained
    meta = read_checkpoint(work_dir / 'epoch_2.pth')['meta']
    assert meta['class_counts'] == counts.tolist()
    assert counts[3] == 0


def test_seesaw_with_its_two_losses(images):
    folder, counts = images
    model = cascade(type='SeesawLoss', loss_weight=0.5)
    log = Log(STAGES[:1], also='cum_samples')
    train(folder, 'seesaw', model, [hook(loss_module=STAGES[0]), log], epochs=1)
    grads = []
    for logits, labels, weights, seen in log.calls[STAGES[0]]:
        assert logits.shape[1] == 6
        own = logits[:, :4].double().requires_grad_()
        kept = labels < 4
        loss = seesaw_ce_loss(
            own[kept], labels[kept], weights[kept].double(), seen[:4].double(), 4,
            p=0.8, q=2.0, eps=1e-2, reduction='sum',
        )  # fmt: skip
        grads.append(torch.autograd.grad(loss, own)[0].numpy())
    labels = torch.cat([call[1] for call in log.calls[STAGES[0]]]).numpy()
    expected = sums_of(np.concatenate(grads), labels, np.ones(len(labels)), counts)
    assert expected['neg_grad'].sum() > 0.1
    (record,) = read_gradient_run(folder / 'seesaw')
    assert_sums(record.total, expected)


def focal_gradient(logits, labels):
    """Derivative of the focal loss, gamma 2 and alpha 0.25, written out."""
    p = 1 / (1 + np.exp(-logits))
    own = 0.25 * (1 - p) ** 2 * (2 * p * np.log(p) - (1 - p))
    other = 0.75 * p**2 * (p - 2 * (1 - p) * np.log(1 - p))
    return np.where(np.eye(5)[labels][:, :4] == 1, own, other)


def test_the_levels_of_a_retina_net(images):
    folder, counts = images
    log = Log(['bbox_head.loss_cls'])
    train(folder, 'retina', retina(), [hook(), log], epochs=1)
    calls = log.calls['bbox_head.loss_cls']
    assert len(calls) == 2 * 5  # steps times levels
    logits, labels, weights = (
        torch.cat([call[i] for call in calls]).numpy() for i in range(3)
    )
    assert logits.shape[1] == 4
    assert (labels == 4).sum() > 20 * (labels < 4).sum() > 0
    grad = focal_gradient(logits.astype(float), labels)
    (record,) = read_gradient_run(folder / 'retina')
    expected = sums_of(grad, labels, weights, counts)
    assert_sums(record.total, expected, rtol=1e-4)
    assert record.total.samples.sum() == ((labels < 4) & (weights > 0)).sum()


@pytest.mark.parametrize(
    'wrap',
    [
        lambda inner: inner,
        lambda inner: dict(type='RepeatDataset', times=3, dataset=inner),
        lambda inner: dict(
            type='ConcatDataset', datasets=[inner, copy.deepcopy(inner)]
        ),
        lambda inner: dict(
            type='ClassBalancedDataset', oversample_thr=0.7, dataset=inner
        ),
        lambda inner: dict(type='MultiImageMixDataset', dataset=inner, pipeline=[]),
    ],
    ids=['plain', 'repeated', 'concatenated', 'balanced', 'mixed'],
)
def test_draws_are_those_of_an_epoch_and_counts_those_of_the_file(images, wrap):
    folder, counts = images
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = DATASETS.build(wrap(data_set(folder)))
    found = np.zeros(4, dtype=int)
    for i in range(len(dataset)):
        labels = dataset[i]['data_samples'].gt_instances.labels
        found += np.bincount(labels.numpy(), minlength=4)
    assert count_draws(dataset) == found.tolist()
    assert count_classes(dataset) == counts.tolist()
