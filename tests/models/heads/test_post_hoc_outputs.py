"""Logits of a head with post-hoc steps: what `predict` says, whoever asks for them."""

import copy
import io

import numpy as np
import pytest
import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import nn
from torch.testing import assert_close
from torchvision.models import resnet18

from mmgala.models import (
    ClassMeanClsHead,
    CosineClsHead,
    GALAHead,
    LogitAdjuster,
    PlainConvNet,
    PostHocChain,
    PredictionRebalancer,
    TemperatureScaler,
)
from tests.graphs import compile_whole
from tests.reference import post_hoc_numpy as reference
from tests.reference.rebalance_numpy import rebalance

COUNTS = [500.0, 120.0, 40.0, 2.0]
MASS = [50.0, 20.0, 10.0, 0.5]
PRIOR = [0.4, 0.3, 0.2, 0.1]


def adjusted(scores):
    return reference.logit_adjustment(np.log(scores), COUNTS, 0.8, PRIOR)


def rebalanced(scores):
    return rebalance(scores, 1.2, MASS, PRIOR)


def scaled(scores):
    return reference.temperature_scale(np.log(scores), 1.5)


def adjuster():
    return LogitAdjuster(0.8, COUNTS, PRIOR)


def rebalancer():
    return PredictionRebalancer(1.2, MASS, PRIOR)


# The module, and what it does to scores by NumPy.
STEPS = {
    'logit adjustment': (adjuster, adjusted),
    're-balancing': (rebalancer, rebalanced),
    'temperature': (lambda: TemperatureScaler(1.5), scaled),
    'two': (
        lambda: PostHocChain([rebalancer(), TemperatureScaler(1.5)]),
        lambda scores: scaled(rebalanced(scores)),
    ),
    'all': (
        lambda: PostHocChain([adjuster(), rebalancer(), TemperatureScaler(1.5)]),
        lambda scores: scaled(rebalanced(adjusted(scores))),
    ),
}


class OwnForward(GALAHead):
    """A user's head, which does not call the `forward` of its parent."""

    def forward(self, feats):
        return 2 * self.fc(self.pre_logits(feats))


HEADS = dict(
    gala=GALAHead, cosine=CosineClsHead, means=ClassMeanClsHead, own=OwnForward
)


def build(kind='gala', **post_hoc):
    head = HEADS[kind](4, 3, **post_hoc)
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    return head.eval()


def features():
    return (torch.randn(6, 3),)


def scores_of(predictions):
    return torch.stack([p.pred_score for p in predictions]).detach().numpy()


def softmax(logits):
    return logits.softmax(dim=1).detach().double().numpy()


@pytest.mark.parametrize(('module', 'formula'), STEPS.values(), ids=STEPS)
class TestRightNumbers:
    @pytest.mark.parametrize('kind', HEADS)
    def test_calling_the_head_gives_what_predict_says(self, module, formula, kind):
        head, feats = build(kind, post_hoc=module()), features()
        expected = formula(softmax(head.forward(feats)))

        np.testing.assert_allclose(softmax(head(feats)), expected, rtol=1e-4)
        np.testing.assert_allclose(scores_of(head.predict(feats)), expected, rtol=1e-4)

    def test_of_a_whole_model(self, module, formula):
        backbone = PlainConvNet(1, (3,), (2,), (1, 1))
        model = ImageClassifier(backbone, head=build(post_hoc=module())).eval()
        images = torch.randn(5, 1, 8, 8)
        feats = model.extract_feat(images)
        expected = formula(softmax(model.head.fc(feats[-1])))

        tensor = model(images, mode='tensor')

        np.testing.assert_allclose(softmax(tensor), expected, rtol=1e-4)
        predicted = scores_of(model(images, mode='predict'))
        np.testing.assert_allclose(predicted, softmax(tensor), rtol=1e-6)

    def test_after_a_model_of_torchvision(self, module, formula):
        network = resnet18(num_classes=4).eval()
        images = torch.randn(2, 3, 32, 32)
        expected = formula(softmax(network(images)))

        actual = nn.Sequential(network, module(), nn.Softmax(dim=1))(images)

        np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=1e-4)

    def test_a_copy_and_a_file_keep_the_steps(self, module, formula):
        head, feats = build(post_hoc=module()), features()
        expected = head(feats)
        file = io.BytesIO()
        torch.save(head, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        for again in (copy.deepcopy(head), loaded):
            assert torch.equal(again(feats), expected)
            nn.init.zeros_(again.fc.weight)  # it does not look at the first one
            assert not torch.equal(again(feats), expected)


class TestTraining:
    def test_the_head_gives_the_logits_of_its_layer(self):
        head, feats = build(post_hoc=rebalancer()).train(), features()
        assert torch.equal(head(feats), head.fc(feats[-1]))

    def test_predictions_are_the_same_in_both_modes(self):
        head, feats = build(post_hoc=rebalancer()), features()
        expected = scores_of(head.predict(feats))
        np.testing.assert_array_equal(scores_of(head.train().predict(feats)), expected)

    @pytest.mark.parametrize('training', [True, False])
    def test_the_loss_is_that_of_a_head_without_steps(self, training):
        plain, feats = build(), features()
        head = build(post_hoc=rebalancer())
        head.fc.load_state_dict(plain.fc.state_dict())
        labels = [DataSample().set_gt_label(i % 4) for i in range(6)]
        losses = [h.train(training).loss(feats, labels)['loss'] for h in (plain, head)]
        assert torch.equal(*losses)


class TestUnfitted:
    def test_logits_of_predictions_are_refused(self):
        with pytest.raises(
            ValueError, match='no class mass yet: call `fit.*mmgala fit'
        ):
            build(post_hoc=PredictionRebalancer())(features())

    def test_a_step_is_fitted_by_hand_to_the_logits_before_it(self):
        head, feats = build(post_hoc=PredictionRebalancer()), features()
        scores = head.forward(feats).softmax(dim=1).detach()
        head.post_hoc.fit(scores)
        expected = rebalance(scores.numpy(), 1.0, scores.sum(dim=0).numpy())
        np.testing.assert_allclose(softmax(head(feats)), expected, rtol=1e-4)


@pytest.mark.parametrize(('module', 'formula'), STEPS.values(), ids=STEPS)
class TestCapturedGraphs:
    """No graph break, the same bits, and buffers that are read when the graph runs."""

    def test_compiled(self, module, formula):
        head, feats = build(post_hoc=module()), features()
        compiled = compile_whole(head)
        assert torch.equal(compiled(feats), head(feats))
        for name, buffer in head.post_hoc.named_buffers():
            if not name.endswith('target_prior'):
                buffer.mul_(torch.linspace(0.5, 0.9, buffer.numel()).view_as(buffer))
        assert torch.equal(compiled(feats), head(feats))

    def test_exported(self, module, formula):
        head, feats = build(post_hoc=module()), features()
        shapes = dict(feats=({0: torch.export.Dim('batch')},))
        program = torch.export.export(head, (feats,), dynamic_shapes=shapes)
        feats = (torch.randn(9, 3),)
        assert_close(program.module()(feats), head(feats))

    def test_scores_are_transformed_in_a_compiled_function(self, module, formula):
        step, scores = module(), torch.randn(6, 4).softmax(dim=1)
        actual = compile_whole(step.transform)(scores)
        assert torch.equal(actual, step.transform(scores))
