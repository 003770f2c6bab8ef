"""Properties of every loss: values, gradients, state, and calls as in MMPretrain."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from tests.batches import one_hot, random_logits, random_target
from tests.losses.battery import N, batch, gradient, state
from tests.losses.loss_cases import (
    CASES,
    NUM_CLASSES,
    names,
    seeded,
    unreduced,
)

KINDS = [
    pytest.param(name, kind, id=f'{name}-{kind}')
    for name, case in CASES.items()
    for kind in ('hard', 'soft')
    if case.soft or kind == 'hard'
]


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('name', names(lambda c: c.strength_0 is not None))
def test_strength_0_is_cross_entropy(name, kind):
    case = CASES[name]
    if kind == 'soft' and not case.soft:
        kind = 'hard'
    logits, target = batch(kind)
    loss = unreduced(case.warmed_up(**case.strength_0), logits, target)
    assert_close(loss, F.cross_entropy(logits, target, reduction='none'))


@pytest.mark.parametrize('name', names(lambda c: c.balanced is not None))
def test_equal_counts_give_cross_entropy(name):
    case = CASES[name]
    loss_module = case.build([30] * NUM_CLASSES, **case.balanced)
    logits = random_logits(N, NUM_CLASSES).requires_grad_()
    target = torch.arange(N) % NUM_CLASSES
    loss = unreduced(loss_module, logits, target)
    expected = F.cross_entropy(logits, target, reduction='none')
    assert_close(loss, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('name', CASES)
def test_long_tailed_counts_do_not_give_cross_entropy(name):
    logits, target = batch()
    loss = unreduced(CASES[name].warmed_up(), logits, target)
    assert (loss - F.cross_entropy(logits, target, reduction='none')).abs().max() > 0.1


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_gradcheck(name, kind):
    case = CASES[name]
    logits, target = batch(kind, 4)
    loss_module = case.warmed_up(**case.constant_factors)
    assert torch.autograd.gradcheck(
        lambda logits: unreduced(loss_module, logits, target), (logits,)
    )


def test_module_equals_function(case):
    logits, target = batch()
    loss_module = case.warmed_up()
    loss = unreduced(loss_module, logits, target)
    torch.manual_seed(3)
    expected = case.function(loss_module, logits, target)
    assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    assert_close(gradient(loss, logits), gradient(expected, logits))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_half_logits_train_as_the_same_numbers_in_float32(name, kind, dtype):
    logits, target = batch(kind)
    half = logits.detach().to(dtype).requires_grad_()
    full = half.detach().float().requires_grad_()
    target = target.to(dtype) if kind == 'soft' else target
    results = []
    for z in (half, full):
        loss_module = CASES[name].warmed_up()
        torch.manual_seed(3)
        loss = loss_module(z, target)
        results.append((loss, gradient(loss, z).to(dtype), state(loss_module)))
    assert results[0][0].dtype == torch.float32
    assert_close(*results, rtol=1e-6, atol=0)


def test_autocast_trains_as_float32_does(case):
    layer, loss_module = torch.nn.Linear(3, NUM_CLASSES), case.warmed_up()
    features, target = torch.randn(N, 3), random_target('hard', N, NUM_CLASSES)
    with torch.autocast('cpu', torch.bfloat16):
        logits = layer(features)
        loss = seeded(loss_module, logits, target)
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    assert_close(loss, seeded(loss_module, logits.float(), target), rtol=1e-6, atol=0)
    loss.backward()
    assert torch.isfinite(layer.weight.grad).all()


@pytest.mark.parametrize('dtype', [torch.int32, torch.uint8])
def test_labels_may_be_of_any_integer_type(case, dtype):
    logits, target = batch()
    expected = seeded(case.warmed_up(), logits, target)
    assert torch.equal(seeded(case.warmed_up(), logits, target.to(dtype)), expected)


@pytest.mark.parametrize('cast', ['half', 'bfloat16', 'double'])
def test_buffers_keep_type_and_value_in_a_cast_model(case, cast):
    model = torch.nn.Sequential(case.warmed_up(), torch.nn.Linear(2, 2))
    # Infinity in float16, 999424 in bfloat16; the others are rounded in both.
    values = torch.tensor([1e6, 1000000.5, 1 / 3, 1e-7, 0.0, 5.0])
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(values.expand_as(buffer))
    before = state(model)
    getattr(model, cast)()
    assert model[1].weight.dtype != torch.float32
    assert_close(state(model), before, rtol=0, atol=0)  # types too
    assert before


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
@pytest.mark.parametrize('size', [100.0, 1e4])
@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_large_logits_give_finite_values_gradients_and_state(name, kind, size, dtype):
    loss_module = CASES[name].warmed_up()
    target = random_target(kind, N, NUM_CLASSES)
    signs = torch.randint(3, (N, NUM_CLASSES)) - 1
    logits = (size * signs).to(dtype).requires_grad_()
    loss = loss_module(logits, target)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()
    assert all(torch.isfinite(buffer).all() for buffer in loss_module.buffers())


@pytest.mark.parametrize(
    ('reduction', 'avg_factor'),
    [('mean', None), ('mean', 0.0), ('mean', 2.0), ('none', None), ('sum', None)],
)
@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_empty_batch_is_0_with_a_gradient(name, kind, reduction, avg_factor):
    loss_module = CASES[name].warmed_up(reduction=reduction)
    before = state(loss_module)
    logits = torch.zeros(0, NUM_CLASSES, requires_grad=True)
    target = random_target(kind, 0, NUM_CLASSES)
    weight = torch.zeros(0)
    loss = loss_module(logits, target, weight=weight, avg_factor=avg_factor)
    assert loss.shape == ((0,) if reduction == 'none' else ())
    assert loss.sum() == 0
    assert gradient(loss, logits).shape == logits.shape
    assert_close(state(loss_module), before, rtol=0, atol=0)


def test_samples_of_weight_0_have_no_influence(case):
    weight = torch.ones(N)
    weight[::3] = 0
    kept, (logits, target) = weight > 0, batch()
    results = []
    for change in (0, 1):
        z = logits.detach() + 5 * change * (1 - weight[:, None])
        z.requires_grad_()
        t = torch.where(kept, target, (target + change) % NUM_CLASSES)
        loss_module = case.warmed_up()
        torch.manual_seed(3)
        loss = loss_module(z, t, weight=weight)
        grad = gradient(loss, z)
        assert not grad[~kept].any()
        results.append((loss, grad, state(loss_module)))
    assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize(('name', 'kind'), KINDS)
@pytest.mark.parametrize(
    ('reduction', 'override'),
    [('none', None), ('mean', None), ('sum', None), ('sum', 'mean'), ('mean', 'none')],
)
def test_weighs_averages_and_reduces_as_mmpretrain_does(
    name, kind, reduction, override
):
    theirs = pytest.importorskip('mmpretrain.models.losses.utils')
    logits, target = batch(kind)
    loss_module = CASES[name].warmed_up(reduction=reduction, loss_weight=0.7)
    samples = unreduced(loss_module, logits, target) / 0.7
    asked = override or reduction
    for weight in (None, torch.rand(N)):
        for avg_factor in (None, 3.0) if asked != 'sum' else (None,):
            call = dict(weight=weight, avg_factor=avg_factor)
            loss = seeded(
                loss_module, logits, target, **call, reduction_override=override
            )
            expected = theirs.weight_reduce_loss(samples, reduction=asked, **call)
            assert_close(loss, 0.7 * expected)
            (grad,) = torch.autograd.grad(expected.sum(), logits, retain_graph=True)
            assert_close(gradient(loss, logits), 0.7 * grad)


@pytest.mark.parametrize('name', names(lambda c: c.soft))
def test_one_hot_soft_labels_equal_class_indices(name):
    logits, target = batch()
    results = []
    for labels in (target, one_hot(target, NUM_CLASSES)):
        loss_module = CASES[name].warmed_up()
        torch.manual_seed(3)
        loss = loss_module(logits, labels, reduction_override='none')
        results.append((loss, gradient(loss, logits), state(loss_module)))
    assert_close(results[0], results[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_eval_mode_changes_no_state_and_draws_nothing(name, kind):
    loss_module = CASES[name].warmed_up().eval()
    before, generator = state(loss_module), torch.get_rng_state()
    logits, target = batch(kind)
    loss, again = (loss_module(logits, target) for _ in range(2))
    assert torch.equal(loss, again)
    assert_close(state(loss_module), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize('context', [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(('name', 'kind'), KINDS)
def test_without_gradients_state_stays(name, kind, context):
    loss_module = CASES[name].warmed_up()
    before = state(loss_module)
    with context():
        loss_module(*batch(kind))
    assert_close(state(loss_module), before, rtol=0, atol=0)


def test_a_checkpoint_restores_all_buffers(case):
    trained, restored = case.warmed_up(), case.build(counts=None)
    assert set(trained.state_dict())  # there is something to restore
    restored.load_state_dict(trained.state_dict())
    assert_close(state(restored), state(trained), rtol=0, atol=0)
    restored.train(trained.training)
    if hasattr(restored, 'reweighting'):
        restored.reweighting = trained.reweighting
    logits, target = batch()
    assert_close(seeded(restored, logits, target), seeded(trained, logits, target))


@pytest.mark.parametrize('name', names(lambda c: not c.counted))
def test_statistics_start_at_0_and_do_not_depend_on_the_loss_weight(name):
    assert not any(buffer.any() for buffer in CASES[name].build().buffers())
    light, heavy = (CASES[name].warmed_up(loss_weight=w) for w in (0.1, 10.0))
    assert_close(state(light), state(heavy), rtol=0, atol=0)


def test_a_copy_has_a_separate_state(case):
    loss_module = case.warmed_up()
    before = state(loss_module)
    logits, target = batch()
    losses = [seeded(loss_module, logits, target) for _ in range(2)]  # of copies
    assert torch.equal(*losses)
    assert_close(state(loss_module), before, rtol=0, atol=0)


def test_print_shows_every_argument(case):
    loss_module = case.build(loss_weight=0.25)
    shown = repr(loss_module)
    assert shown.startswith(case.loss.__name__)
    arguments = set(inspect.signature(case.loss).parameters) - {'class_counts'}
    for name in arguments:
        assert f'{name}={getattr(loss_module, name)!r}' in shown
