"""`fused=True`: a linear head that trains without all logits."""

import pytest
import torch
from mmpretrain.structures import DataSample
from torch.testing import assert_close

import mmgala.models.heads.fused_head as fused_head
from mmgala.losses import GALALoss
from mmgala.models import ClassMeanClsHead, CosineClsHead, GALAHead
from mmgala.models.heads import LongTailedClsHead
from mmgala.modules import memory
from tests.batches import random_target
from tests.losses.loss_cases import CASES, NUM_CLASSES

N, D = 9, 4
SHIFTED = ['balanced_softmax', 'logit_adjustment', 'ldam', 'ldam_reweighted',
           'class_balanced', 'gala', 'gala_official', 'gala_counts',
           'gala_label_margin', 'gala_lead']  # fmt: skip


def batch(kind='hard'):
    """Features of two stages, of which the head takes the last, and data samples."""
    generator = torch.Generator().manual_seed(0)
    feature = torch.randn(N, D, generator=generator).requires_grad_()
    target = random_target(kind, N, NUM_CLASSES)
    if kind == 'hard':
        samples = [DataSample().set_gt_label(int(label)) for label in target]
    else:
        samples = [DataSample().set_gt_score(row.float()) for row in target]
    return (torch.zeros(N, 2), feature), samples


def heads(loss_of, kind=GALAHead, **kwargs):
    """A plain and a fused head with the same weights and losses in the same state."""
    built = []
    for fused in (False, True):
        torch.manual_seed(0)
        head = kind(NUM_CLASSES, D, loss=loss_of(), fused=fused, **kwargs)
        torch.nn.init.normal_(head.fc.weight)
        built.append(head.train())
    return built


def outcome(head, *args, **kwargs):
    """Loss, gradients, and the state after a step."""
    feats, samples = batch(*args)
    loss = head.loss(feats, samples, **kwargs)['loss']
    gradients = torch.autograd.grad(loss.sum(), (feats[1], *head.fc.parameters()))
    return loss, gradients, head.loss_module.state_dict()


def assert_equal(heads, *args, **kwargs):
    for _ in range(2):  # the second step is with statistics of the first
        plain, fused = (outcome(head, *args, **kwargs) for head in heads)
        assert_close(fused, plain, rtol=1e-5, atol=1e-5)
    assert plain[0].ndim == fused[0].ndim


@pytest.mark.parametrize('name', SHIFTED)
def test_equals_the_plain_head(name):
    assert_equal(heads(CASES[name].warmed_up))


@pytest.mark.parametrize(
    'kwargs', [dict(weight=torch.linspace(0, 2, N)), dict(reduction_override='none')]
)
def test_arguments_of_the_loss(kwargs):
    assert_equal(heads(CASES['gala'].warmed_up), **kwargs)


@pytest.mark.parametrize('kind', [CosineClsHead, ClassMeanClsHead])
def test_heads_on_features_of_length_1(kind):
    assert_equal(heads(CASES['gala'].warmed_up, kind))


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_plain_cross_entropy_of_mmpretrain(kind):
    config = dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.7)
    assert_equal(heads(lambda: dict(config), LongTailedClsHead), kind)


def test_soft_labels_where_a_loss_has_no_statistics():
    assert_equal(heads(CASES['balanced_softmax'].build), 'soft')


def test_soft_labels_with_statistics_are_refused():
    with pytest.raises(ValueError, match='GALALoss has statistics.*fused=False'):
        outcome(heads(CASES['gala'].build)[1], 'soft')


def test_padding_is_not_counted():
    pair = heads(CASES['gala'].warmed_up)
    for head in pair:
        head.loss_module.padding = (2, N)
    assert_equal(pair)


def test_evaluation_changes_no_statistics():
    pair = [head.eval() for head in heads(CASES['gala'].warmed_up)]
    before = pair[1].loss_module.pos_grad.clone()
    assert_equal(pair)
    assert_close(pair[1].loss_module.pos_grad, before, rtol=0, atol=0)


@pytest.mark.parametrize('training', [True, False])
def test_predictions_are_those_of_any_head(training):
    found = [
        [(s.pred_score, s.pred_label) for s in head.train(training).predict(*batch())]
        for head in heads(CASES['gala'].warmed_up)
    ]
    assert_close(found[1], found[0], rtol=0, atol=0)


def test_logits_are_never_computed(monkeypatch):
    head = heads(CASES['gala'].warmed_up)[1]
    monkeypatch.setattr(head.fc, 'forward', pytest.fail)
    outcome(head)


@pytest.mark.parametrize('name', [name for name in CASES if name not in SHIFTED])
@pytest.mark.parametrize('counted', [True, False])
def test_other_losses_are_refused_before_the_training(name, counted):
    loss = CASES[name].build() if counted else CASES[name].build(None)
    with pytest.raises(ValueError, match=f'{type(loss).__name__} is not .*: use GALA'):
        GALAHead(NUM_CLASSES, D, loss=loss, fused=True)


@pytest.mark.parametrize('changed', [dict(use_sigmoid=True), dict(class_weight=[1.0])])
def test_other_forms_of_cross_entropy_are_refused(changed):
    loss = dict(type='mmpretrain.CrossEntropyLoss', **changed)
    with pytest.raises(ValueError, match='CrossEntropyLoss is not'):
        GALAHead(NUM_CLASSES, D, loss=loss, fused=True)


def test_unknown_class_counts_are_said_in_the_first_step():
    loss = CASES['balanced_softmax'].build(None)
    head = GALAHead(NUM_CLASSES, D, loss=loss, fused=True).train()
    with pytest.raises(ValueError, match='BalancedSoftmaxLoss needs the class counts'):
        outcome(head)


def test_accuracy_of_batches_is_refused():
    with pytest.raises(ValueError, match='`cal_acc=True` needs all logits'):
        GALAHead(NUM_CLASSES, D, fused=True, cal_acc=True)


def test_sharing_out_the_classes_at_the_same_time_is_refused():
    with pytest.raises(ValueError, match='fused=True needs all .* leave out fused'):
        GALAHead(NUM_CLASSES, D, fused=True, shard_classes=True)


def test_another_layer_is_refused():
    head = heads(lambda: GALALoss(NUM_CLASSES))[1]
    head.fc = torch.nn.Bilinear(2, 2, NUM_CLASSES)
    with pytest.raises(ValueError, match='linear layer `fc`, but got Bilinear'):
        head.loss(*batch())


class TestMemory:
    def test_weights_that_do_not_fit_are_said_before_they_are_made(self, monkeypatch):
        monkeypatch.setattr(memory, 'available_memory', lambda _: 2 * memory.GIB)
        monkeypatch.setattr(fused_head.nn, 'Linear', pytest.fail)
        message = (
            r'1,000,000 classes and 1,024 channels needs 3\.81 GiB on cpu, but 2\.00 '
            r'GiB is available: share the classes among 4 ranks'
        )
        with pytest.raises(ValueError, match=message):
            GALAHead(1_000_000, 1024, fused=True)

    def test_a_gradient_that_does_not_fit_is_said_before_the_first_step(
        self, monkeypatch
    ):
        head = heads(CASES['gala'].warmed_up)[1]
        monkeypatch.setattr(memory, 'available_memory', lambda _: 1000)
        before = head.loss_module.pos_grad.clone()
        with pytest.raises(ValueError, match='gradient of 6 class.*available: share'):
            outcome(head)
        assert_close(head.loss_module.pos_grad, before, rtol=0, atol=0)

    def test_one_line_of_meminfo_and_the_limit_of_a_container(
        self, monkeypatch, tmp_path
    ):
        (tmp_path / 'meminfo').write_text('MemFree: 1 kB\nMemAvailable:   300 kB\n')
        monkeypatch.setattr(memory, 'MEMINFO', tmp_path / 'meminfo')
        monkeypatch.setattr(memory, 'CGROUP', tmp_path)
        cpu = torch.device('cpu')
        assert memory.available_memory(cpu) == 300 * 1024
        (tmp_path / 'memory.max').write_text('max\n')
        (tmp_path / 'memory.current').write_text('5000\n')
        assert memory.available_memory(cpu) == 300 * 1024
        (tmp_path / 'memory.max').write_text('7000\n')
        assert memory.available_memory(cpu) == 2000
        (tmp_path / 'meminfo').unlink()
        (tmp_path / 'memory.max').unlink()
        assert memory.available_memory(cpu) is None
        memory.check_memory('All', 10**18, cpu, 10**18)  # nothing is known
