"""What LossObserver receives of MMDetection's losses, as their heads call them.

The reference differentiates the library's own unreduced loss, in float64; of GALA it is
NumPy's.
"""

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.losses import (
    CrossEntropyLoss,
    FocalLoss,
    QualityFocalLoss,
    SeesawLoss,
    VarifocalLoss,
)
from torch.testing import assert_close

from mmgala.detection import GALABBoxLoss, GALAObjectnessLoss
from mmgala.engine.gradient_recording.loss_observer import LossObserver
from tests.reference.gala_detection_numpy import (
    DenseObjectness,
    Exclude,
    Objectness,
)

C = 4
LABELS = torch.tensor([4, 0, 2, 4, 3, 1, 0, 4, 4, 2])
WEIGHTS = torch.tensor([1.0, 1, 0, 1, 1, 0.5, 2, 0, 1, 1])
FOREGROUND = LABELS < C
QUALITY = torch.linspace(0.1, 0.9, len(LABELS))
ONE_HOT = F.one_hot(LABELS, C + 1)[:, :C]


def observe(module, num_classes=C):
    seen = []
    LossObserver(module, lambda *pair: seen.append(pair), num_classes)
    return seen


def logits_of(width):
    generator = torch.Generator().manual_seed(1)
    return 2 * torch.randn(len(LABELS), width, generator=generator)


@pytest.mark.parametrize(
    ('module', 'width', 'target'),
    [
        (CrossEntropyLoss(loss_weight=2.0), C + 1, LABELS),
        (CrossEntropyLoss(class_weight=[1.0, 2, 3, 4, 5]), C + 1, LABELS),
        (FocalLoss(gamma=1.5, alpha=0.4, loss_weight=3.0), C, LABELS),
        (QualityFocalLoss(), C, (LABELS, QUALITY)),
    ],
    ids=['softmax', 'class weights', 'focal', 'quality'],
)
@pytest.mark.parametrize('weighted', [True, False])
def test_gradients_of_the_foreground(module, width, target, weighted):
    seen = observe(module)
    logits = logits_of(width).requires_grad_()
    weights = WEIGHTS if weighted else None
    (0.25 * module(logits, target, weights, avg_factor=7.0)).backward()
    ((grad, labels),) = seen

    own = logits.detach().double().requires_grad_()
    loss = module(own, target, reduction_override='none').sum() / module.loss_weight
    (expected,) = torch.autograd.grad(loss, own)
    kept = FOREGROUND
    if weighted:
        expected, kept = expected * WEIGHTS[:, None], FOREGROUND & (WEIGHTS > 0)
    assert_close(grad, expected[kept, :C].float(), rtol=1e-5, atol=1e-7)
    assert torch.equal(labels, LABELS[kept])


@pytest.mark.parametrize('kind', ['one-hot focal', 'varifocal'])
def test_soft_labels_without_a_class_are_background(kind):
    if kind == 'varifocal':
        module, target = VarifocalLoss(), ONE_HOT * QUALITY[:, None]
    else:
        module, target = FocalLoss(), ONE_HOT.float()
    seen = observe(module)
    logits = logits_of(C).requires_grad_()
    module(logits, target, avg_factor=5.0).backward()
    ((grad, labels),) = seen
    own = logits.detach().double().requires_grad_()
    loss = module(own, target.double(), reduction_override='none').sum()
    (expected,) = torch.autograd.grad(loss, own)
    assert_close(grad, expected[FOREGROUND].float(), rtol=1e-5, atol=1e-7)
    assert torch.equal(labels, target[FOREGROUND])


@pytest.mark.parametrize('labels', [LABELS, torch.full_like(LABELS, C)])
def test_of_two_losses_that_of_the_classes_counts(labels):
    module = SeesawLoss(num_classes=C, p=0.0, q=0.0)  # then it is a softmax of C
    seen = observe(module)
    logits = logits_of(C + 2).requires_grad_()
    losses = module(logits, labels, avg_factor=10)
    (3 * losses['loss_cls_classes'] + 5 * losses['loss_cls_objectness']).backward()
    ((grad, received),) = seen
    kept = labels < C
    expected = logits[kept, :C].softmax(dim=1) - F.one_hot(labels[kept], C)
    assert_close(grad, expected.detach(), rtol=1e-4, atol=1e-6)
    assert torch.equal(received, labels[kept])


def test_the_objectness_alone_is_no_gradient_of_classes():
    module = SeesawLoss(num_classes=C)
    seen = observe(module)
    logits = logits_of(C + 2).requires_grad_()
    module(logits, LABELS)['loss_cls_objectness'].backward()
    assert not seen
    assert logits.grad.any()


@pytest.mark.parametrize('width', [C - 1, C + 3])
def test_other_widths_are_refused(width):
    module = FocalLoss()
    observe(module)
    message = f'logits of 4 columns.*got {width}'
    with pytest.raises(ValueError, match=message):
        module(logits_of(width).requires_grad_(), LABELS.clamp(max=width))


@pytest.mark.parametrize('background', ['exclude', 'objectness'])
def test_gala_of_bbox_heads(background):
    module = GALABBoxLoss(C, background, loss_weight=2.0)
    module.pos_grad += torch.tensor([90.0, 9.0, 3.0, 0.5])
    module.neg_grad += torch.tensor([70.0, 8.0, 4.0, 0.6])
    reference = {'exclude': Exclude, 'objectness': Objectness}[background](C)
    reference.theta += module.pos_grad.numpy()
    reference.phi += module.neg_grad.numpy()
    seen = observe(module)
    logits = logits_of(C + (1 if background == 'exclude' else 2)).requires_grad_()
    losses = module(logits, LABELS, WEIGHTS, avg_factor=7.0)
    loss = sum(losses.values()) if isinstance(losses, dict) else losses
    (0.25 * loss).backward()
    ((grad, labels),) = seen
    _, gradients = reference.step(logits.detach(), LABELS.numpy(), WEIGHTS)
    kept = FOREGROUND & (WEIGHTS > 0)
    expected = torch.tensor(gradients[:, :C])[kept] * WEIGHTS[kept, None]
    assert_close(grad, expected.float(), rtol=1e-4, atol=1e-6)
    assert torch.equal(labels, LABELS[kept])


def test_gala_with_objectness_of_dense_heads():
    module = GALAObjectnessLoss(C, class_loss_weight=0.7, loss_weight=2.0)
    module.pos_grad += torch.tensor([90.0, 9.0, 3.0, 0.5])
    module.neg_grad += torch.tensor([70.0, 8.0, 4.0, 0.6])
    reference = DenseObjectness(C)
    reference.theta += module.pos_grad.numpy()
    reference.phi += module.neg_grad.numpy()
    seen = observe(module)
    logits = logits_of(C + 1).requires_grad_()
    (0.25 * module(logits, LABELS, WEIGHTS, avg_factor=7.0)).backward()
    ((grad, labels),) = seen
    _, gradients = reference.step(logits.detach(), LABELS.numpy(), WEIGHTS)
    kept = FOREGROUND & (WEIGHTS > 0)
    expected = 0.7 * torch.tensor(gradients[:, :C])[kept] * WEIGHTS[kept, None]
    assert_close(grad, expected.float(), rtol=1e-4, atol=1e-6)
    assert torch.equal(labels, LABELS[kept])
