"""A model must have as many classes as its training set."""

import pytest
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from torch import nn

from mmgala.engine.class_width import check_widths, model_widths
from mmgala.models import GALAHead
from tests.engine.width_ranks import error_of_widths, model_with, widths_of_a_share


def classifier(num_classes=3, one_hot=None, **preprocessor):
    init_default_scope('mmpretrain')
    mixed = {} if one_hot is None else {'augments': dict(type='Mixup', alpha=0.2)}
    return MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='mmgala.CIFARResNet', depth=20, base_channels=2),
            head=dict(type='LinearClsHead', num_classes=num_classes, in_channels=8),
            data_preprocessor=dict(
                type='ClsDataPreprocessor', num_classes=one_hot, **preprocessor
            ),
            train_cfg=mixed or None,
        )
    )


def test_equal_numbers_pass():
    check_widths(classifier(3, one_hot=3), 'abc')


def test_the_head_is_named_with_the_line_to_write():
    with pytest.raises(
        ValueError, match=r'is 1000.*5 classes.*model.head.num_classes=5'
    ):
        check_widths(classifier(1000), 'abcde')


def test_one_hot_labels_must_have_the_number_of_classes():
    with pytest.raises(ValueError, match=r'is 1000.* data_preprocessor.num_classes=3'):
        check_widths(classifier(3, one_hot=1000), 'abc')


def test_a_preprocessor_without_one_hot_labels_ignores_its_number():
    model = classifier(3)
    model.data_preprocessor.num_classes = 1000

    check_widths(model, 'abc')


def test_unknown_classes_are_not_checked():
    check_widths(classifier(3), ())


def test_heads_of_detectors_are_checked():
    """A proposal head has one class, whatever the data set has."""
    model = nn.Module()
    model.rpn_head, model.roi_head = nn.Module(), nn.Module()
    model.rpn_head.num_classes = 1
    model.roi_head.bbox_head = nn.Module()
    model.roi_head.bbox_head.num_classes = 80

    check_widths(model, [str(c) for c in range(80)])
    with pytest.raises(ValueError, match=r'model.roi_head.bbox_head.num_classes=4'):
        check_widths(model, 'abcd')


class TestClassesOverRanks:
    def test_the_loss_of_some_classes_passes(self, rank_pool):
        widths = rank_pool.run(widths_of_a_share, 2, num_classes=5)
        # The loss has 3 or 2 classes, which is not compared.
        assert widths == [dict(head=5), dict(head=5)]

    def test_the_head_is_compared(self, rank_pool):
        for error in rank_pool.run(error_of_widths, 2, num_classes=5, names='abcd'):
            assert 'model.head.num_classes is 5' in error
            assert 'set model.head.num_classes=4' in error

    def test_the_loss_of_a_head_with_all_classes_is_compared(self):
        model = model_with(GALAHead(3, 2))
        assert dict(model_widths(model)) == {'head': 3, 'head.loss_module': 3}
