"""Whether the weights of a checkpoint fit a model."""

import pytest
import torch
from mmengine.model import BaseTTAModel
from mmengine.registry import init_default_scope
from torch import nn

from mmgala.registry import MODELS
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.checkpoint_fit import check_fits, unwrap_model
from tests.engine.small_training import small_config, train


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return train(small_config(tmp_path_factory.mktemp('trained')))


def build_model(num_classes=10, **head):
    init_default_scope('mmpretrain')
    cfg = small_config('unused', model__head__num_classes=num_classes)
    cfg.model.head.update(head)
    return MODELS.build(cfg.model)


def test_own_checkpoint_fits(trained):
    check_fits(read_checkpoint(trained[1]), build_model(), trained[1])


def test_another_number_of_classes_is_refused_with_both_shapes(trained):
    message = (
        r'epoch_1\.pth does not fit .*: head\.loss_module\.pos_grad is \(10,\) in the '
        r'checkpoint and \(7,\) in the model.*model\.head\.num_classes'
    )
    with pytest.raises(ValueError, match=message):
        check_fits(read_checkpoint(trained[1]), build_model(7), trained[1])


def test_missing_weights_are_counted_and_the_first_named(trained):
    checkpoint = read_checkpoint(trained[1])
    for name in ('head.fc.weight', 'head.fc.bias'):
        del checkpoint['state_dict'][name]
    total = len(list(build_model().parameters()))

    message = f"2 of the model's {total} parameters are missing, first head.fc.weight"
    with pytest.raises(ValueError, match=message):
        check_fits(checkpoint, build_model(), trained[1])


def test_weights_of_a_wrapped_model_fit(trained):
    state = read_checkpoint(trained[1])['state_dict']
    wrapped = {'state_dict': {f'module.{name}': v for name, v in state.items()}}

    check_fits(wrapped, build_model(), 'x.pth')
    with pytest.raises(ValueError, match='head.*does not fit|does not fit.*head'):
        check_fits(wrapped, build_model(7), 'x.pth')


def test_model_without_gala_statistics_fits(trained):
    checkpoint = read_checkpoint(trained[1])
    for name in ('pos_grad', 'neg_grad'):
        del checkpoint['state_dict'][f'head.loss_module.{name}']

    check_fits(checkpoint, build_model(), trained[1])


def test_fitted_re_balancer_fits_a_model_whose_own_is_empty(trained):
    checkpoint = read_checkpoint(trained[1])
    rebalancer = dict(type='mmgala.PredictionRebalancer')
    model = build_model(post_hoc=rebalancer)
    assert model.head.post_hoc.class_mass.shape == (0,)

    checkpoint['state_dict']['head.post_hoc.class_mass'] = torch.ones(10)
    checkpoint['state_dict']['head.post_hoc.tau'] = torch.tensor(1.5)
    check_fits(checkpoint, model, 'x.pth')
    missing, unexpected = model.load_state_dict(checkpoint['state_dict'], strict=False)

    assert (missing, unexpected) == (['head.post_hoc.target_prior'], [])
    assert model.head.post_hoc.class_mass.tolist() == [1] * 10


class TTA(BaseTTAModel):
    """A wrapper for test-time augmentation."""

    def merge_preds(self, data_samples_list):
        raise NotImplementedError


def test_wrappers_are_taken_off():
    model = build_model()

    assert unwrap_model(TTA(model)) is model
    assert unwrap_model(nn.DataParallel(TTA(model))) is model
