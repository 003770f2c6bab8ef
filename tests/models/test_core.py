"""The losses and post-hoc steps of the core, registered with OpenMMLab."""

import pytest

import mmgala
from mmgala import losses, models, post_hoc
from mmgala.losses import ClassificationLoss
from mmgala.models import GALAHead, LongTailedClsHead
from mmgala.registry import MODELS
from tests.losses.loss_cases import CASES, NUM_CLASSES
from tests.losses.test_user_loss import HeavyGALALoss, PriorLoss, SquaredLoss


class HeavyGALAHead(GALAHead):
    default_loss = dict(type=HeavyGALALoss)


def test_every_registered_loss_is_in_the_battery():
    registered = {
        kind
        for kind in MODELS.module_dict.values()
        if isinstance(kind, type)
        and issubclass(kind, ClassificationLoss)
        and kind.__module__.startswith('mmgala.losses.')
    }
    assert registered == {case.loss for case in CASES.values()}


@pytest.mark.parametrize('case', CASES.values(), ids=CASES)
def test_a_loss_is_built_by_its_registered_name(case):
    name = f'mmgala.{case.loss.__name__}'
    built = MODELS.build(dict(type=name, num_classes=NUM_CLASSES, **case.arguments))
    assert type(built) is case.loss


@pytest.mark.parametrize(
    'name',
    ['LogitAdjuster', 'PredictionRebalancer', 'TemperatureScaler', 'PostHocChain'],
)
def test_post_hoc_steps_are_registered(name):
    kind = getattr(post_hoc, name)
    assert MODELS.get(f'mmgala.{name}') is kind
    assert getattr(models, name) is kind


def test_base_classes_are_no_components():
    for name in ('ClassificationLoss', 'ClassCountsLoss', 'PostHocStep'):
        assert name not in MODELS.module_dict
    assert models.ClassCountsLoss is losses.ClassCountsLoss is mmgala.ClassCountsLoss


@pytest.mark.parametrize('kind', [SquaredLoss, PriorLoss, HeavyGALALoss])
def test_heads_pass_the_number_of_classes_on(kind):
    assert LongTailedClsHead(4, 3, loss=dict(type=kind)).loss_module.num_classes == 4
    with pytest.raises(ValueError, match='its loss num_classes=5'):
        LongTailedClsHead(4, 3, loss=dict(type=kind, num_classes=5))


def test_a_subclass_of_the_head_has_its_default_loss():
    loss_module = HeavyGALAHead(4, 3).loss_module
    assert type(loss_module) is HeavyGALALoss
    assert loss_module.lambda_pos == 2.0
