"""The settings that the catalogue states are those of its methods."""

import copy
import inspect

import numpy as np
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, MODELS, init_default_scope
from mmengine.runner import set_random_seed
from numpy.testing import assert_allclose

from mmgala.comparison import CATALOGUE, find_methods
from mmgala.comparison.config import run_config
from mmgala.comparison.methods import retraining_options
from mmgala.retraining import RetrainOptions
from mmgala.retraining.closed_form import NORM_TAUS
from mmgala.retraining.options import build_loss
from tests.batches import one_hot, random_logits, random_target
from tests.comparison.small import small_config
from tests.reference import long_tailed_losses_numpy as reference
from tests.tools.command_line import load_tool

# Of CIFAR10-LT with imbalance factor 100.
COUNTS = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
LARGE = 115_846  # training images of ImageNet-LT
JOINT = [name for name, method in CATALOGUE.items() if method.start is None]
DERIVED = [name for name in CATALOGUE if name not in JOINT]


def built(name, tmp_path):
    """Loss, head and hooks of a method, with counts."""
    (method,) = find_methods([name])
    cfg = run_config(small_config(), method, 0, tmp_path, 'last')
    init_default_scope('mmpretrain')
    head = MODELS.build(copy.deepcopy(cfg.model)).head
    if hasattr(head.loss_module, 'set_class_counts'):
        head.loss_module.set_class_counts(COUNTS)
    return head, [HOOKS.build(copy.deepcopy(hook)) for hook in cfg.custom_hooks]


def stated(method):
    """All values of its settings, except those that only describe values."""
    values = {k: v for setting in method.defaults for k, v in setting.values.items()}
    return {k: v for k, v in values.items() if k not in ('initial_bias', 'tau')}


@pytest.mark.parametrize('name', JOINT)
def test_stated_settings_are_those_of_what_is_built(name, tmp_path):
    head, hooks = built(name, tmp_path)
    parts = [head.loss_module, head.fc, *hooks]
    for key, value in stated(CATALOGUE[name]).items():
        found = {getattr(part, key) for part in parts if hasattr(part, key)}
        assert found == {value}, key


@pytest.mark.parametrize('name', JOINT)
def test_every_strength_of_a_loss_is_stated(name, tmp_path):
    head, _ = built(name, tmp_path)
    strengths = set(inspect.signature(type(head.loss_module)).parameters)
    general = {'num_classes', 'class_counts', 'reduction', 'loss_weight', 'shape',
               'variant', 'count_share', 'label_margin', 'lead_memory', 'use_sigmoid',
               'use_soft', 'class_weight', 'pos_weight'}  # fmt: skip
    said = {k for setting in CATALOGUE[name].defaults for k in setting.values}
    if name == 'gala-official':
        said.add('lambda_neg')  # has no effect there
    if name == 'ldam':
        said.add('beta')  # of the weights, which are off
    assert strengths - general <= said


@pytest.mark.parametrize('name', DERIVED)
def test_stated_settings_are_those_of_the_re_training(name):
    options = retraining_options(CATALOGUE[name])
    kind = options.pop('method')
    used = {**options, **options.get('loss', {})}
    if kind in ('crt', 'lws'):
        used = {
            **vars(RetrainOptions(**options).schedule(kind, LARGE, 'class')),
            **used,
        }
    for key, value in stated(CATALOGUE[name]).items():
        assert used[key] == value, key
    given = set(used) - {'type', 'loss', 'seed', 'method'}
    assert given <= set(stated(CATALOGUE[name]))
    assert list(NORM_TAUS) == pytest.approx(np.linspace(0, 2, 21))


def loss_of(name, tmp_path):
    """Loss of each sample of a fixed batch, with logits and shares of the labels."""
    head, _ = built(name, tmp_path)
    logits, target = random_logits(30, 10), random_target('hard', 30, 10)
    loss = head.loss_module(logits, target, reduction_override='none')
    return loss.numpy(), logits.numpy(), one_hot(target, 10).numpy()


@pytest.mark.parametrize(
    ('name', 'gamma', 'tau'),
    [('vs', 0.2, 1.2), ('vs:gamma=0.05,tau=0.75', 0.05, 0.75)],
)
def test_vector_scaling_has_the_strengths_of_its_authors(name, gamma, tau, tmp_path):
    loss, logits, shares = loss_of(name, tmp_path)
    expected = reference.vector_scaling(logits, shares, COUNTS, gamma, tau)
    assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ('name', 'head', 'tail'),
    [
        ('las-one-stage', 0.3, 0.0),
        ('las-one-stage:smooth_head=0.4,smooth_tail=0.1', 0.4, 0.1),
    ],
)
def test_label_aware_smoothing_has_the_strengths_of_its_authors(
    name, head, tail, tmp_path
):
    loss, logits, shares = loss_of(name, tmp_path)
    expected = reference.label_aware_smoothing(
        logits, shares, COUNTS, head, tail, 'concave'
    )
    assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize(('name', 'beta'), [('cb-focal', 0.9999), ('cb-ce', 0.9999)])
def test_class_balanced_losses_have_the_strengths_of_their_authors(
    name, beta, tmp_path
):
    loss, logits, shares = loss_of(name, tmp_path)
    if name == 'cb-focal':
        plain = reference.focal(logits, shares, 1.0)
    else:
        plain = reference.cross_entropy(logits, shares)
    weights = reference.effective_number_weights(COUNTS, beta)
    expected = reference.weight_samples(plain, shares, weights)
    assert_allclose(loss, expected, rtol=1e-5)


def test_ldam_and_seesaw_have_the_strengths_of_their_papers(tmp_path):
    loss, logits, shares = loss_of('ldam', tmp_path)
    expected = reference.ldam(logits, shares, COUNTS, 0.5, 30)
    assert_allclose(loss, expected, rtol=1e-5)
    loss, logits, shares = loss_of('seesaw', tmp_path)
    seen = shares.sum(axis=0)  # this batch
    expected = reference.seesaw(logits, shares, seen, 0.8, 2.0, 1e-2)
    assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize('name', ['las', 'gcl'])
def test_losses_of_second_stages_have_the_strengths_of_their_authors(name):
    init_default_scope('mmpretrain')
    loss, _ = build_loss(retraining_options(CATALOGUE[name])['loss'], 10, COUNTS)
    logits, target = 10 * random_logits(30, 10), random_target('hard', 30, 10)
    torch.manual_seed(0)
    values = loss(logits, target, reduction_override='none').numpy()

    torch.manual_seed(0)
    normal = torch.empty(30, 10).normal_(std=1 / 3).double().numpy()
    arguments = logits.numpy(), one_hot(target, 10).numpy(), COUNTS
    if name == 'las':
        expected = reference.label_aware_smoothing(*arguments, 0.3, 0.0, 'concave')
    else:
        expected = reference.gcl(*arguments, normal, 0.5, 0.1, 20, gamma=1.0)
    assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


def test_list_shows_every_setting_and_its_source(monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['compare.py', '--list'])
    with pytest.raises(SystemExit) as end:
        load_tool('compare').main()
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    starts = {line.split()[0]: i for i, line in enumerate(lines) if line[0] != ' '}
    assert list(starts) == ['config', *CATALOGUE, '--with']
    for name, method in CATALOGUE.items():
        own = lines[starts[name] :]
        own = own[: 1 + next((i for i, x in enumerate(own[1:]) if x[0] != ' '), 99)]
        assert method.source in own[0]
        text = '\n'.join(own)
        for setting in (*method.defaults, *method.alternatives):
            assert setting.source
            for key, value in setting.values.items():
                assert f'{key}={value}' in text
            assert setting.source in text
        assert method.differences in text


def test_only_cross_entropy_and_balanced_softmax_have_no_settings():
    without = {name for name, method in CATALOGUE.items() if not method.defaults}
    assert without == {'ce', 'balanced-softmax'}


@pytest.mark.parametrize('name', CATALOGUE)
def test_alternatives_are_settings_that_it_takes(name, tmp_path):
    for setting in CATALOGUE[name].alternatives:
        written = ','.join(f'{k}={v}' for k, v in setting.values.items())
        (method,) = find_methods([f'{name}:{written}'])
        if name in JOINT:
            head, _ = built(f'{name}:{written}', tmp_path)
            for key, value in setting.values.items():
                assert getattr(head.loss_module, key) == value
            continue
        options = retraining_options(method)
        for key, value in setting.values.items():
            assert {**options, **options.get('loss', {})}[key] == value
        RetrainOptions(**{k: v for k, v in options.items() if k != 'method'}).check(
            options['method']
        )


def test_cb_focal_starts_the_bias_as_its_authors_do(tmp_path):
    def start(name):
        (method,) = find_methods([name])
        cfg = run_config(small_config(), method, 0, tmp_path, 'last')
        set_random_seed(0)
        model = MODELS.build(cfg.model)
        model.init_weights()
        return model, build_optim_wrapper(model, cfg.optim_wrapper)

    init_default_scope('mmpretrain')
    (model, wrapper), (plain, _) = start('cb-focal'), start('ce')

    assert_allclose(model.head.fc.bias.detach(), [-2.1972246] * 10, atol=1e-6)
    theirs = dict(plain.named_parameters())
    decays = {}
    for group in wrapper.optimizer.param_groups:
        for parameter in group['params']:
            decays[id(parameter)] = (group['weight_decay'], group['lr'])
    for key, parameter in model.named_parameters():
        bias = key == 'head.fc.bias'
        assert decays[id(parameter)] == (0.0 if bias else 5e-4, 0.05), key
        assert bias or torch.equal(parameter, theirs[key])
