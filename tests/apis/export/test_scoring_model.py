"""The exported function: scores of `predict`, from RGB pixels, by plain operations."""

import pytest
import torch
from mmpretrain.models.heads import LinearClsHead, MultiLabelLinearClsHead
from torch import nn
from torch.testing import assert_close

from mmgala.apis.export.scoring_model import (
    ScoringModel,
    check_exportable,
    describe_steps,
)
from mmgala.models import (
    ClassMeanClsHead,
    CosineClsHead,
    GALAHead,
    LogitAdjuster,
    PredictionRebalancer,
)
from tests.apis.export.models import COUNTS, STEPS, classifier, pixels, predicted

HEADS = dict(gala=GALAHead, cosine=CosineClsHead, means=ClassMeanClsHead)


class DoublingHead(GALAHead):
    """Its last operation is not the bias of the layer."""

    def forward(self, feats):
        return 2 * self.fc(self.pre_logits(feats))


@pytest.mark.parametrize('steps', STEPS.values(), ids=STEPS)
@pytest.mark.parametrize('kind', [*HEADS.values(), DoublingHead])
def test_scores_are_those_of_predict(kind, steps):
    model, images = classifier(kind(4, 6, post_hoc=steps())), pixels()
    expected = predicted(model, images)

    scores = ScoringModel(model)(images.float())

    assert_close(scores, expected, atol=1e-6, rtol=1e-5)
    assert_close(predicted(model, images), expected, rtol=0, atol=0)  # left as it was


@pytest.mark.parametrize(
    ('kind', 'folded'), [(GALAHead, True), (ClassMeanClsHead, True),
                         (CosineClsHead, False), (DoublingHead, False)]
)  # fmt: skip
def test_logit_adjustment_is_in_the_last_bias_if_that_is_added_last(kind, folded):
    model = classifier(kind(4, 6, post_hoc=LogitAdjuster(0.8, COUNTS)))
    head = ScoringModel(model).model.head
    assert (head.post_hoc is None) == folded
    if folded:
        added = torch.log(torch.tensor(COUNTS) / sum(COUNTS) * 4) * -0.8
        assert_close(head.fc.bias, model.head.fc.bias + added)


def test_a_plain_linear_head():
    model, images = classifier(LinearClsHead(4, 6)), pixels()
    assert_close(ScoringModel(model)(images.float()), predicted(model, images))


@pytest.mark.parametrize('to_rgb', [True, False])
def test_a_model_of_bgr_or_rgb_pixels_takes_rgb(to_rgb):
    """The pipeline gives BGR, and the data preprocessor may reverse it."""
    model = classifier(GALAHead(4, 6), to_rgb=to_rgb)
    bgr = pixels()
    exported = ScoringModel(model, reverse_channels=not to_rgb)
    assert_close(exported(bgr.flip(1).float()), predicted(model, bgr))


def test_one_channel():
    model = classifier(GALAHead(4, 6), channels=1, mean=[73.0], std=[90.0])
    images = pixels(channels=1)
    assert_close(ScoringModel(model)(images.float()), predicted(model, images))


def test_padding_of_the_data_preprocessor_is_inside():
    model = classifier(GALAHead(4, 6), pad_size_divisor=16)
    images = pixels()
    assert_close(ScoringModel(model)(images.float()), predicted(model, images))


def test_statistics_of_the_loss_stay_behind():
    names = ScoringModel(classifier(GALAHead(4, 6))).state_dict()
    assert not [name for name in names if 'loss_module' in name]


def test_the_graph_adds_and_divides_constants():
    """No logarithm or float64 of a post-hoc step is left to whoever serves it."""
    model = classifier(GALAHead(4, 6, post_hoc=STEPS['all']()))
    program = torch.export.export(ScoringModel(model), (pixels().float(),))
    called = [n.target for n in program.graph.nodes if n.op == 'call_function']
    aten = torch.ops.aten
    assert called[called.index(aten.linear.default) + 1 :] == [
        aten.add.Tensor, aten.div.Tensor, aten.softmax.int
    ]  # fmt: skip


def test_steps_in_words():
    assert describe_steps(GALAHead(4, 6, post_hoc=STEPS['all']())) == (
        'logit-adjusted with tau=0.8, then re-balanced with tau=1.2, then scaled by '
        'temperature 1.5'
    )
    assert describe_steps(LinearClsHead(4, 6)) == 'none'


class TestRefused:
    def test_a_step_that_is_not_fitted(self):
        model = classifier(GALAHead(4, 6, post_hoc=PredictionRebalancer()))
        with pytest.raises(ValueError, match='no class mass yet:.*mmgala fit'):
            ScoringModel(model)

    def test_a_step_of_other_classes(self):
        head = GALAHead(4, 6, post_hoc=PredictionRebalancer(1.0, [1.0, 2.0]))
        with pytest.raises(ValueError, match='fitted to 2 classes.*have 4'):
            ScoringModel(classifier(head))

    def test_scores_that_are_not_a_softmax(self):
        model = classifier(MultiLabelLinearClsHead(4, 6))
        with pytest.raises(ValueError, match='with MultiLabelLinearClsHead: use an'):
            check_exportable(model)

    def test_a_model_that_is_no_classifier(self):
        with pytest.raises(ValueError, match='has Linear with NoneType: use an'):
            check_exportable(nn.Linear(2, 3))
