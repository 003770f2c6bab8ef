"""`GALAHead`: its loss in training, its post-hoc step in prediction."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.runner.checkpoint import load_state_dict
from mmpretrain.models.losses import CrossEntropyLoss
from mmpretrain.structures import DataSample
from torch.testing import assert_close

from mmgala.functional import gala_margin, rebalance
from mmgala.models import GALAHead, GALALoss, PredictionRebalancer, ShardedClsHead
from mmgala.registry import MODELS
from tests.batches import random_target

MASS = [50.0, 20.0, 5.0, 1.0]
PRIOR = [0.4, 0.3, 0.2, 0.1]


def features(num_samples=6):
    """Two stages, of which the head takes the last."""
    return torch.zeros(num_samples, 2), torch.randn(num_samples, 3)


def samples(target):
    """Data samples with labels, or with scores as mixup leaves them."""
    if target.ndim == 1:
        return [DataSample().set_gt_label(int(t)) for t in target]
    return [DataSample().set_gt_score(t) for t in target]


class TestBuilding:
    def test_default_loss_is_gala_for_its_classes(self):
        loss_module = GALAHead(4, 3).loss_module
        assert type(loss_module) is GALALoss
        assert loss_module.num_classes == 4
        assert loss_module.variant == 'paper'

    @pytest.mark.parametrize('loss_type', ['mmgala.GALALoss', GALALoss])
    @pytest.mark.parametrize('make', [dict, ConfigDict])
    def test_number_of_classes_is_handed_on_to_the_loss(self, make, loss_type):
        config = make(type=loss_type, lambda_pos=1.2, variant='official')
        before = dict(config)
        loss_module = GALAHead(4, 3, loss=config).loss_module
        assert type(loss_module) is GALALoss
        assert loss_module.num_classes == 4
        assert (loss_module.lambda_pos, loss_module.variant) == (1.2, 'official')
        assert dict(config) == before  # the config is left as it was

    @pytest.mark.parametrize(
        'loss',
        [dict(type='mmgala.GALALoss', num_classes=5), GALALoss(5)],
        ids=['config', 'module'],
    )
    def test_another_number_of_classes_in_the_loss_is_refused(self, loss):
        message = 'head has num_classes=4, but its loss num_classes=5: remove it'
        with pytest.raises(ValueError, match=message):
            GALAHead(4, 3, loss=loss)

    def test_with_classes_over_ranks_it_is_a_gala_head(self):
        config = dict(num_classes=4, in_channels=3)
        built = MODELS.build(dict(type='mmgala.GALAHead', shard_classes=True, **config))
        assert type(built) is ShardedClsHead
        assert isinstance(built, GALAHead)
        assert type(GALAHead(**config, shard_classes=False)) is GALAHead

    def test_any_other_loss_will_do(self):
        head = GALAHead(4, 3, loss=dict(type='mmpretrain.CrossEntropyLoss'))
        assert type(head.loss_module) is CrossEntropyLoss

    def test_a_loss_module_is_taken_as_it_is(self):
        loss_module = GALALoss(4)
        assert GALAHead(4, 3, loss=loss_module).loss_module is loss_module

    @pytest.mark.parametrize(
        'step',
        [
            dict(type='mmgala.PredictionRebalancer', tau=1.7),
            PredictionRebalancer(tau=1.7),
        ],
        ids=['config', 'module'],
    )
    @pytest.mark.parametrize('name', ['post_hoc', 'rebalancer'])
    def test_post_hoc_step_is_built(self, name, step):
        head = GALAHead(4, 3, **{name: step})
        assert type(head.post_hoc) is PredictionRebalancer
        assert head.rebalancer is head.post_hoc
        assert float(head.post_hoc.tau) == pytest.approx(1.7)

    def test_two_names_for_two_steps_are_refused(self):
        step = PredictionRebalancer()
        with pytest.raises(ValueError, match='`rebalancer` is another name'):
            GALAHead(4, 3, post_hoc=step, rebalancer=step)

    def test_statistics_are_saved_with_the_head(self):
        names = set(GALAHead(4, 3).state_dict())
        assert names >= {'fc.weight', 'loss_module.pos_grad', 'loss_module.neg_grad'}


class TestLoss:
    @pytest.mark.parametrize('kind', ['hard', 'soft'])
    def test_loss_is_cross_entropy_with_margin(self, kind):
        head, feats = GALAHead(4, 3), features()
        target = random_target(kind, 6, 4)
        if kind == 'soft':
            target = target.float()
        head.loss(feats, samples(random_target('hard', 6, 4, seed=9)))  # warm up
        margin = gala_margin(
            head.loss_module.pos_grad, head.loss_module.neg_grad, target
        )
        expected = F.cross_entropy(head.fc(feats[-1]) + margin, target)

        losses = head.loss(feats, samples(target))

        assert list(losses) == ['loss']
        assert_close(losses['loss'], expected)

    @pytest.mark.parametrize('kind', ['hard', 'soft'])
    def test_training_updates_the_statistics_once(self, kind):
        head, target = GALAHead(4, 3), random_target(kind, 6, 4).float()
        target = target.long() if kind == 'hard' else target
        feats = features()
        alone = GALALoss(4)
        alone(head.fc(feats[-1]), target)
        head.loss(feats, samples(target))['loss'].backward()
        assert_close(head.loss_module.pos_grad, alone.pos_grad)
        assert head.fc.weight.grad.abs().sum() > 0

    def test_accuracy_is_reported_on_plain_logits(self):
        head, feats = GALAHead(4, 3, cal_acc=True), features()
        head.fc.bias.data += 100  # MMPretrain counts scores above 0 only
        head.loss(feats, samples(random_target('hard', 6, 4)))  # warm up
        labels = head.fc(feats[-1]).argmax(dim=1)
        losses = head.loss(feats, samples(labels))
        assert float(losses['accuracy_top-1'][0]) == 100

    def test_a_fitted_step_leaves_the_loss_alone(self):
        plain = GALAHead(4, 3)
        rebalanced = GALAHead(4, 3, post_hoc=PredictionRebalancer(1.0, MASS))
        rebalanced.fc.load_state_dict(plain.fc.state_dict())
        feats, labels = features(), samples(random_target('hard', 6, 4))
        losses = [head.loss(feats, labels)['loss'] for head in (plain, rebalanced)]
        assert torch.equal(*losses)


class TestPredict:
    def test_scores_are_the_softmax_without_margin(self):
        head, feats = GALAHead(4, 3), features()
        for _ in range(3):
            head.loss(feats, samples(random_target('hard', 6, 4)))
        expected = head.fc(feats[-1]).softmax(dim=1)
        predictions = head.eval().predict(feats)
        scores = torch.stack([p.pred_score for p in predictions])
        assert_close(scores, expected)

    @pytest.mark.parametrize('prior', [None, PRIOR], ids=['balanced', 'prior'])
    @pytest.mark.parametrize('tau', [0.0, 1.0, 1.7])
    def test_one_image_is_rebalanced_as_the_function_does(self, tau, prior):
        rebalancer = PredictionRebalancer(tau, MASS, prior)
        head, feats = GALAHead(4, 3, post_hoc=rebalancer).eval(), features(1)
        scores = head.fc(feats[-1]).softmax(dim=1)
        prior = None if prior is None else torch.tensor(prior)
        expected = rebalance(scores, tau, torch.tensor(MASS), prior)[0]

        (prediction,) = head.predict(feats)

        assert_close(prediction.pred_score, expected)
        assert prediction.pred_label.item() == expected.argmax().item()

    def test_predictions_go_into_the_given_samples(self):
        head, feats = (
            GALAHead(4, 3, post_hoc=PredictionRebalancer(1.0, MASS)),
            features(),
        )
        given = samples(random_target('hard', 6, 4))
        predictions = head.predict(feats, given)
        assert all(p is g for p, g in zip(predictions, given, strict=True))
        assert all('gt_label' in p and 'pred_score' in p for p in predictions)

    def test_a_fitted_checkpoint_gives_an_unfitted_head_its_rebalancer(self):
        fitted = GALAHead(4, 3, post_hoc=PredictionRebalancer(1.7, MASS, PRIOR))
        fresh = GALAHead(4, 3, post_hoc=dict(type='mmgala.PredictionRebalancer'))
        load_state_dict(fresh, fitted.state_dict(), strict=True)
        feats = features(1)
        expected, actual = (head.predict(feats)[0] for head in (fitted, fresh))
        assert torch.equal(actual.pred_score, expected.pred_score)


class TestUnfittedRebalancer:
    @pytest.fixture
    def head(self):
        return GALAHead(4, 3, post_hoc=PredictionRebalancer())

    def test_training_is_refused_and_adds_nothing(self, head):
        message = 'fitted after training: remove `post_hoc`.*mmgala fit'
        with pytest.raises(ValueError, match=message):
            head.loss(features(), samples(random_target('hard', 6, 4)))
        assert not head.loss_module.pos_grad.any()

    def test_prediction_is_refused(self, head):
        with pytest.raises(
            ValueError, match='no class mass yet: call `fit.*mmgala fit'
        ):
            head.predict(features())

    def test_a_rebalancer_for_other_classes_is_refused(self):
        head = GALAHead(4, 3, post_hoc=PredictionRebalancer(1.0, [1.0, 2.0, 3.0]))
        with pytest.raises(ValueError, match='fitted to 3 classes.*scores have 4'):
            head.predict(features())


class TestLogging:
    @pytest.mark.parametrize('fused', [False, True])
    def test_the_lead_of_the_labels_is_logged(self, fused):
        loss = dict(type='mmgala.GALALoss', lambda_pos=1.5, lead_memory=10.0)
        head = GALAHead(4, 3, loss=loss, fused=fused)
        head.loss_module.seen.fill_(1)
        head.loss_module.recent_probability.fill_(0.9)

        with head.loss_module.frozen():
            losses = head.loss(features(), samples(random_target('hard', 6, 4)))
        assert losses.keys() == {'loss', 'lead'}
        assert_close(losses['lead'], torch.tensor(0.8))

    def test_a_loss_without_an_option_logs_itself_alone(self):
        losses = GALAHead(4, 3).loss(features(), samples(random_target('hard', 6, 4)))
        assert losses.keys() == {'loss'}
