"""A step that draws some of the negative classes is right in expectation."""

import pytest
import torch

from mmgala.losses import GALALoss
from mmgala.models import GALAHead
from mmgala.sharding import ClassShards, sample_classes, sharded_losses
from tests.batches import random_logits

NUM_CLASSES, DRAWS = 60, 4000
LABEL = torch.tensor([3, 40, 3])


def drawn(shards, rate):
    return sample_classes(LABEL, shards, rate)


@pytest.mark.parametrize(('ranks', 'rank', 'labels'), [(1, 0, {3, 40}), (2, 1, {10})])
def test_labels_of_this_rank_are_always_drawn(ranks, rank, labels):
    shards = ClassShards(NUM_CLASSES, ranks, rank)
    for _ in range(50):
        classes, correction = drawn(shards, 0.2)
        assert len(classes) == 0.2 * shards.size
        assert classes.tolist() == sorted(set(classes.tolist()))
        assert labels <= set(classes.tolist())
        others = len(classes) - len(labels)
        expected = (shards.size - len(labels)) / others
        for index, value in zip(classes.tolist(), correction.tolist(), strict=True):
            assert value == pytest.approx(
                0 if index in labels else torch.tensor(expected).log().item()
            )


def test_the_expected_partition_function_is_that_of_all_classes():
    logits = random_logits(1, NUM_CLASSES, scale=1)[0]
    sums = []
    for _ in range(DRAWS):
        classes, correction = drawn(ClassShards(NUM_CLASSES), 0.3)
        sums.append((logits[classes] + correction).exp().sum())
    sums = torch.stack(sums)
    error = (sums.mean() - logits.exp().sum()).abs()
    assert error < 4 * sums.std() / DRAWS**0.5
    # Without the correction, it would not be.
    assert logits.exp().sum() > 2 * (logits[classes]).exp().sum()


def test_more_classes_come_closer_to_the_exact_loss():
    logits = random_logits(len(LABEL), NUM_CLASSES, scale=1)
    shards, loss = ClassShards(NUM_CLASSES), GALALoss(NUM_CLASSES, 0, 0).eval()
    exact = sharded_losses(loss, logits, LABEL, shards)

    def mean_loss(rate):
        losses = []
        for _ in range(DRAWS // 8):
            columns, correction = drawn(shards, rate)
            own = logits[:, columns]
            args = dict(columns=columns, correction=correction)
            losses.append(sharded_losses(loss, own, LABEL, shards, **args))
        return torch.stack(losses).mean(dim=0)

    # The logarithm of a mean: the bias vanishes as the variance of the sum does.
    few, many = (float((mean_loss(r) - exact).abs().max()) for r in (0.2, 0.8))
    assert many < 0.01
    assert many < few < 0.2
    torch.testing.assert_close(mean_loss(1.0), exact)


def test_a_head_draws_in_training_alone():
    head = GALAHead(NUM_CLASSES, 4, shard_classes=True, negative_rate=0.1)
    widths = []
    head.fc.register_forward_hook(lambda _, __, out: widths.append(out.shape[1]))
    feats = (torch.randn(3, 4),)
    samples = [sample_with(label) for label in LABEL]
    head.loss(feats, samples)['loss'].backward()
    head.eval().loss(feats, samples)
    assert widths == [6, NUM_CLASSES]
    assert head.fc.weight.grad.abs().sum(dim=1).gt(0).sum() == 6
    assert head.loss_module.pos_grad.nonzero().flatten().tolist() == [3, 40]


def sample_with(label):
    from mmpretrain.structures import DataSample

    return DataSample().set_gt_label(int(label))


@pytest.mark.parametrize('rate', [0.0, -0.5, 1.5])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(ValueError, match=rf'^Expected `negative_rate` .* got {rate}'):
        GALAHead(5, 4, shard_classes=True, negative_rate=rate)
