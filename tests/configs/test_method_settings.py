"""Configs of methods have the strengths and the start of their authors."""

import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from numpy.testing import assert_allclose

from mmgala.functional import long_tailed_counts
from mmgala.registry import MODELS
from tests.batches import one_hot, random_logits, random_target
from tests.reference import long_tailed_losses_numpy as reference
from tests.tools.command_line import ROOT, call

CIFAR100 = 'resnet32_cifar100-lt-if100'
DIGITS = 'resnet14_digits-lt'
COUNTS = {
    CIFAR100: long_tailed_counts(100, 500, 100),
    DIGITS: long_tailed_counts(10, 103, 50),
}


def model_of(folder, name):
    """A model as a training starts with it."""
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(ROOT / 'configs' / folder / f'{name}.py')
    set_random_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return cfg, model


def weighted(loss, shares, counts, beta):
    weights = reference.effective_number_weights(counts, beta)
    return reference.weight_samples(loss, shares, weights)


STRENGTHS = {
    ('vector_scaling', CIFAR100): lambda z, t, n: reference.vector_scaling(
        z, t, n, 0.05, 0.75
    ),
    ('vector_scaling', DIGITS): lambda z, t, n: reference.vector_scaling(
        z, t, n, 0.2, 1.2
    ),
    ('label_aware_smoothing', CIFAR100): lambda z, t, n: (
        reference.label_aware_smoothing(z, t, n, 0.4, 0.1, 'concave')
    ),
    ('label_aware_smoothing', DIGITS): lambda z, t, n: reference.label_aware_smoothing(
        z, t, n, 0.3, 0.0, 'concave'
    ),
    ('class_balanced', CIFAR100): lambda z, t, n: weighted(
        reference.cross_entropy(z, t), t, n, 0.9
    ),
    ('class_balanced', DIGITS): lambda z, t, n: weighted(
        reference.cross_entropy(z, t), t, n, 0.9999
    ),
    ('class_balanced_focal', CIFAR100): lambda z, t, n: weighted(
        reference.focal(z, t, 1.0), t, n, 0.9
    ),
    ('class_balanced_focal', DIGITS): lambda z, t, n: weighted(
        reference.focal(z, t, 1.0), t, n, 0.9999
    ),
    ('ldam_drw', CIFAR100): lambda z, t, n: reference.ldam(z, t, n, 0.5, 30),
    ('ldam_drw', DIGITS): lambda z, t, n: reference.ldam(z, t, n, 0.5, 30),
}


@pytest.mark.parametrize(('folder', 'name'), STRENGTHS)
def test_loss_of_a_config_has_the_strengths_of_its_authors(folder, name):
    _, model = model_of(folder, name)
    counts = COUNTS[name]
    loss_module = model.head.loss_module
    loss_module.set_class_counts(counts)
    logits = random_logits(40, len(counts))
    target = random_target('hard', 40, len(counts))

    loss = loss_module(logits, target, reduction_override='none').numpy()

    shares = one_hot(target, len(counts)).numpy()
    expected = STRENGTHS[folder, name](logits.numpy(), shares, counts)
    assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


# -log(C - 1)
BIASES = {CIFAR100: -4.5951199, DIGITS: -2.1972246}


def assert_focal_start(model, optimizer, plain, bias, lr):
    """The bias of the classifier is special, and all else is as without it."""
    assert_allclose(model.head.fc.bias.detach(), np.full(len(model.head.fc.bias), bias),
                    atol=1e-6)  # fmt: skip
    groups = {
        id(parameter): group
        for group in optimizer.param_groups
        for parameter in group['params']
    }
    assert len(groups) == len(list(model.parameters()))
    theirs = dict(plain.named_parameters())
    for key, parameter in model.named_parameters():
        group, special = groups[id(parameter)], key == 'head.fc.bias'
        assert group['weight_decay'] == (0.0 if special else 5e-4), key
        assert group['lr'] == pytest.approx(lr), key
        assert special or torch.equal(parameter, theirs[key]), key


@pytest.mark.parametrize('name', BIASES)
def test_focal_loss_starts_as_its_authors_do(name):
    cfg, model = model_of('class_balanced_focal', name)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    _, plain = model_of('cross_entropy', name)

    lr = {CIFAR100: 0.1, DIGITS: 0.05}[name]
    assert_focal_start(model, wrapper.optimizer, plain, BIASES[name], lr)
    assert model.head.fc.weight.abs().max() > 0.01


def test_focal_loss_starts_so_in_a_training_by_the_runner(tmp_path, monkeypatch):
    runners = []
    monkeypatch.setattr(
        EpochBasedTrainLoop, 'run', lambda loop: runners.append(loop.runner)
    )
    for folder in ('class_balanced_focal', 'cross_entropy'):
        config = ROOT / 'configs' / folder / f'{DIGITS}.py'
        assert call('train', config, '--work-dir', tmp_path / folder, cwd=ROOT) is None

    focal, plain = runners
    optimizer = focal.optim_wrapper.optimizer
    assert_focal_start(focal.model, optimizer, plain.model, -math.log(9), 0.05)


def test_a_trained_bias_is_kept_when_a_head_is_initialised_again():
    _, model = model_of('class_balanced_focal', DIGITS)
    with torch.no_grad():
        model.head.fc.bias += 1
    model.head.init_weights()
    assert_allclose(model.head.fc.bias.detach(), [1 - math.log(9)] * 10, atol=1e-6)
