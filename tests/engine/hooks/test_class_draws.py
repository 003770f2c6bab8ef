"""Shot groups count images, losses count draws, under wrappers of the training set."""

import numpy as np
import pytest
import torch

from mmgala.analysis.compared_scores import read_scores
from mmgala.cli.post_hoc import add_class_counts
from mmgala.evaluation import PostHocEvaluator, ScoreDump
from mmgala.functional import logit_adjustment
from mmgala.functional.post_hoc import PostHocSteps
from mmgala.post_hoc import build_post_hoc
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_meta import stored_class_counts, stored_class_draws
from tests.engine.small_training import small_config, train


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Runner and checkpoint of a training whose wrappers repeat rare classes."""
    cfg = small_config(tmp_path_factory.mktemp('draws'))
    cfg.model.head.type = 'LinearClsHead'
    cfg.model.head.loss = dict(type='mmgala.LogitAdjustmentLoss', num_classes=10)
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(
            type='ClassBalancedDataset',
            oversample_thr=0.1,
            dataset=cfg.train_dataloader.dataset,
        ),
    )
    return train(cfg)


def repeated(counts, threshold=0.1, times=2):
    """The draws, from the formula of repeat factors (Gupta et al., CVPR 2019)."""
    shares = np.array(counts) / sum(counts)
    factors = np.ceil(np.maximum(1, np.sqrt(threshold / shares)))
    return (times * factors * counts).astype(int).tolist()


def test_checkpoint_and_metrics_hold_images_and_the_loss_draws(trained):
    runner, path = trained
    checkpoint = read_checkpoint(path)
    images, draws = (f(checkpoint) for f in (stored_class_counts, stored_class_draws))

    assert images == checkpoint['meta']['class_counts']
    assert (max(images), min(images)) == (103, 2)
    assert draws == checkpoint['meta']['class_draws'] == repeated(images)
    stored = checkpoint['state_dict']['head.loss_module.class_counts']
    assert stored.tolist() == draws
    (metric,) = runner.val_evaluator.metrics
    assert metric.dataset_meta['class_counts'] == images


def test_draws_are_not_stored_where_they_are_the_images(tmp_path):
    checkpoint = read_checkpoint(train(small_config(tmp_path))[1])

    assert 'class_draws' not in checkpoint['meta']
    assert stored_class_draws(checkpoint) == stored_class_counts(checkpoint)


def test_logit_adjustment_uses_the_draws_and_the_target_prior_the_images(trained):
    steps = dict(logit_adjustment=1.0, target_prior='train')
    checkpoint = read_checkpoint(trained[1])
    add_class_counts(steps, checkpoint)
    images = torch.tensor(stored_class_counts(checkpoint)).double()
    draws = torch.tensor(stored_class_draws(checkpoint)).double()
    scores = torch.rand(12, 10, dtype=torch.float64, generator=torch.manual_seed(0))
    scores = scores.softmax(dim=1)
    expected = logit_adjustment(scores, draws, 1.0, images / images.sum())

    plain = PostHocSteps.from_config(**steps)

    torch.testing.assert_close(plain.transform(scores), expected)
    deployed = build_post_hoc(plain).transform(scores.float())
    torch.testing.assert_close(deployed, expected.float())
    logits = plain.transform_logits(scores.log()).softmax(dim=1).double()
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=1e-5)


def test_the_evaluator_and_the_dump_take_both_from_the_hook(tmp_path):
    meta = dict(class_counts=[30, 3], class_draws=[60, 24])
    dump = ScoreDump(str(tmp_path / 'test.npz'))
    evaluator = PostHocEvaluator(dump, logit_adjustment=1.0)
    evaluator.dataset_meta = meta
    scores = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    evaluator.process(
        [dict(pred_score=s, gt_label=torch.tensor([0])) for s in scores], None
    )
    evaluator.evaluate(3)

    expected = logit_adjustment(scores, torch.tensor([60.0, 24.0]), 1.0)
    np.testing.assert_allclose(dump.scores, expected.numpy(), rtol=1e-6)
    read = read_scores(tmp_path)
    assert read.class_counts.tolist() == [30, 3]
    assert read.class_draws.tolist() == [60, 24]
