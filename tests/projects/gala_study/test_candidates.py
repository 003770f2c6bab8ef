"""Candidates for a better GALA, against their formulas in plain loops."""

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.losses import BalancedSoftmaxLoss, GALALoss
from projects.gala_study.candidate_terms import EPS, LIMIT, PRIOR_SAMPLES
from projects.gala_study.candidates import CandidateLoss, CandidateScheduleHook
from tests.graphs import compile_whole

C = 5
STEPS = 6


def batches():
    """Logits and labels of some steps; class 4 comes late, all differ in size."""
    generator = np.random.default_rng(0)
    for step in range(STEPS):
        shares = [0.5, 0.25, 0.15, 0.1, 0] if step < 3 else [0.4, 0.3, 0.1, 0.1, 0.1]
        label = generator.choice(C, size=12, p=shares)
        logits = generator.normal(size=(12, C)) * 2
        logits[np.arange(12), label] += 1.5
        yield logits, label


class Reference:
    """The formula by loops over samples and classes, in float64."""

    def __init__(self, **settings):
        self.s = dict(tau=1.0, mu=0.0, difficulty='error', kappa=0.0, rho=0.0,
                      feedback='marginal', memory=500.0, raw_errors=False,
                      smoothing=0.0, uniform_smoothing=False,
                      fit_memory=0.0, fit='probability')  # fmt: skip
        self.s |= settings
        self.n, self.theta, self.views = np.zeros(C), np.zeros(C), np.zeros(C)
        self.gained, self.lost, self.samples = np.zeros(C), np.zeros(C), 0.0
        self.kept, self.active = 1.0, 1.0
        self.recent = np.ones(C)

    def fit(self):
        if not self.s['fit_memory']:
            return 1.0
        label = 1 - self.recent.mean()
        lead = max(0, label - (1 - label))
        return dict(probability=label, squared=label**2, lead=lead)[self.s['fit']]

    def bias(self):
        e = (self.theta + EPS) / (self.views + EPS)
        if self.s['difficulty'] == 'error':
            d = np.log(e)
        else:
            x, y = np.log(self.views + EPS), np.log(self.theta + EPS)
            if x.var() > 0:
                slope = ((x - x.mean()) * (y - y.mean())).sum()
                slope /= ((x - x.mean()) ** 2).sum() + EPS
                d = y - y.mean() - slope * (x - x.mean())
            else:
                d = np.zeros(C)
        f = np.zeros(C)
        for j in range(C):
            if self.s['feedback'] == 'balance':
                f[j] = math.log(
                    (self.gained[j] + PRIOR_SAMPLES) / (self.lost[j] + PRIOR_SAMPLES)
                )
            else:
                surplus = self.gained[j] - self.lost[j]
                surplus /= self.samples / C + PRIOR_SAMPLES
                f[j] = math.log(1 + max(surplus, -0.9))
        f = f.clip(-LIMIT, LIMIT)
        tau = self.fit() * self.s['tau'] + (1 - self.fit())
        b = tau * np.log(self.n + EPS) - self.s['mu'] * d + self.s['rho'] * f
        return self.active * b

    def smoothed(self, shifted, k):
        balanced = np.full(C, self.s['smoothing'] / C)
        balanced[k] += 1 - self.s['smoothing']
        prior = np.ones(C) if self.s['uniform_smoothing'] else self.n + EPS
        t = prior * balanced / (prior * balanced).sum()
        return np.log(np.exp(shifted).sum()) - (t * shifted).sum()

    def step(self, logits, label):
        b, e = self.bias(), (self.theta + EPS) / (self.views + EPS)
        m = self.fit() * self.s['kappa'] * np.sqrt(e / e.max())
        losses, grown = [], np.zeros(C)
        for z, k in zip(logits, label, strict=True):
            shifted = z + b
            shifted[k] -= m[k]
            hard = np.log(np.exp(shifted).sum()) - shifted[k]
            losses.append(self.smoothed(shifted, k) if self.s['smoothing'] else hard)
            raw = np.exp(z) / np.exp(z).sum()
            grown[k] += 1 - (raw[k] if self.s['raw_errors'] else np.exp(-hard))
        self.theta = self.kept * self.theta + grown
        count = np.bincount(label, minlength=C)
        for j in set(label) if self.s['fit_memory'] else ():
            old = math.exp(-count[j] / self.s['fit_memory'])
            self.recent[j] = old * self.recent[j] + (1 - old) * grown[j] / count[j]
        self.views = self.kept * self.views + count
        self.n = self.n + count
        forget = 1 - 1 / self.s['memory']
        self.gained, self.lost = forget * self.gained, forget * self.lost
        self.samples *= forget
        for z, k in zip(logits, label, strict=True):
            w = self.n.sum() / (C * self.n[k])
            raw = np.exp(z) / np.exp(z).sum()
            self.samples += w
            self.lost[k] += w * (1 - raw[k])
            for j in set(range(C)) - {k}:
                self.gained[j] += w * raw[j]
        return np.array(losses)


SETTINGS = {
    'counts': {},
    'stronger counts': dict(tau=1.25),
    'signed': dict(mu=0.5),
    'residual': dict(mu=0.5, difficulty='residual'),
    'margin': dict(kappa=2.0),
    'fit': dict(kappa=2.0, tau=1.5, fit_memory=3.0),
    'lead': dict(kappa=2.0, tau=1.5, fit_memory=3.0, fit='lead'),
    'squared': dict(kappa=2.0, tau=1.5, fit_memory=3.0, fit='squared'),
    'raw errors': dict(mu=0.5, raw_errors=True),
    'marginal': dict(rho=1.0, memory=3.0),
    'balance': dict(rho=0.5, feedback='balance', memory=3.0),
    'smoothed': dict(smoothing=0.2),
    'smoothed alike': dict(smoothing=0.2, uniform_smoothing=True),
    'smoothed residual': dict(mu=0.5, difficulty='residual', smoothing=0.1),
    'all': dict(tau=0.9, mu=0.3, difficulty='residual', kappa=1.0, rho=0.7, memory=4.0),
}


@pytest.mark.parametrize('name', SETTINGS)
def test_losses_of_some_steps_equal_the_formula(name):
    loss = CandidateLoss(C, reduction='none', **SETTINGS[name]).train()
    reference = Reference(**SETTINGS[name])

    for logits, label in batches():
        found = loss(torch.from_numpy(logits).float().requires_grad_(),
                     torch.from_numpy(label))  # fmt: skip
        expected = torch.from_numpy(reference.step(logits, label)).float()
        assert_close(found.detach(), expected, rtol=2e-4, atol=2e-5)
    assert_close(loss.bias(), torch.from_numpy(reference.bias()).float(),
                 rtol=1e-3, atol=1e-4)  # fmt: skip


def train(loss, call, steps=STEPS):
    for logits, label in list(batches())[:steps]:
        call(torch.from_numpy(logits).float().requires_grad_(), torch.from_numpy(label))
    return loss


def test_counts_alone_are_balanced_softmax_and_count_share_of_one():
    loss = train(*[CandidateLoss(C)] * 2).eval()
    gala = train(*[GALALoss(C, count_share=1.0)] * 2).eval()
    logits, label = torch.randn(7, C), torch.arange(7) % C
    balanced = BalancedSoftmaxLoss(C, class_counts=loss.seen.long().tolist())

    assert_close(loss(logits, label), gala(logits, label))
    assert_close(loss(logits, label), balanced(logits, label), rtol=1e-3, atol=1e-3)


def test_a_hard_class_is_favoured_and_by_gala_it_is_not():
    """Bias of training is what predictions lack: the lower, the more they favour."""
    logits = torch.tensor([[3.0, 0.0], [0.0, 0.0]]).repeat(20, 1)  # 0 easy, 1 hard
    label = torch.tensor([0, 1]).repeat(20)
    signed, gala = CandidateLoss(2, mu=0.5), GALALoss(2)
    for loss in (signed, gala):
        loss(logits.clone().requires_grad_(), label)

    level = gala.pos_grad.log()
    assert signed.bias()[1] < signed.bias()[0]
    assert level[1] > level[0]


def test_margins_fall_as_ldams_where_theta_grows_with_the_root():
    n = torch.tensor([10_000.0, 625.0, 16.0])
    loss = CandidateLoss(3, kappa=1.0)
    loss.views.copy_(n)
    loss.errors.copy_(n.sqrt())

    expected = n**-0.25 / n.min() ** -0.25
    assert_close(loss.label_margin(), expected, rtol=1e-3, atol=1e-3)


def test_memorised_rare_classes_have_no_residual():
    n = torch.tensor([1000.0, 100.0, 10.0, 5.0])
    loss = CandidateLoss(4, mu=1.0, difficulty='residual')
    for buffer in (loss.seen, loss.views):
        buffer.copy_(n)
    loss.errors.copy_(0.01 * n**1.3)  # the mean error rises with the count

    assert_close(loss.bias(), n.log(), rtol=0, atol=2e-2)


@pytest.mark.parametrize('kind', ['marginal', 'balance'])
def test_feedback_finds_the_class_that_is_predicted_too_often(kind):
    torch.manual_seed(0)
    loss = CandidateLoss(3, rho=1.0, feedback=kind)
    label = torch.arange(300) % 3
    logits = torch.randn(300, 3) + torch.tensor([1.5, 0.0, 0.0])
    for _ in range(3):
        loss(logits.clone().requires_grad_(), label)

    excess = loss.bias() - torch.log(loss.seen + EPS)
    assert excess[0] > 0.2
    assert (excess[1:] < -0.1).all()


def test_schedule_follows_epoch_and_learning_rate():
    loss = CandidateLoss(C, begin=0.8, forgetting=0.5)
    group = dict(lr=0.05, initial_lr=0.1)
    optimizer = SimpleNamespace(param_groups=[group])
    runner = SimpleNamespace(
        model=nn.Sequential(loss),
        epoch=7,
        max_epochs=10,
        optim_wrapper=SimpleNamespace(optimizer=optimizer),
    )
    hook = CandidateScheduleHook()
    loss.seen.fill_(9)

    hook.before_train_epoch(runner)
    assert not loss.bias().any()
    assert float(loss.kept) == 0.75
    runner.epoch, group['lr'] = 8, 0.0
    hook.before_train_epoch(runner)
    assert_close(loss.bias(), torch.log(loss.seen + EPS))
    assert float(loss.kept) == 1.0


def test_forgetting_changes_errors_but_not_counts():
    loss = CandidateLoss(C, mu=0.5, forgetting=0.5)
    loss.set_schedule(0.0, 1.0)
    reference = Reference(mu=0.5)
    reference.kept = 0.5
    train(loss, loss)
    for logits, label in batches():
        reference.step(logits, label)

    assert_close(loss.errors, torch.from_numpy(reference.theta).float())
    assert_close(loss.seen, torch.from_numpy(reference.n).float())


@pytest.mark.parametrize('name', SETTINGS)
def test_a_step_is_one_graph(name):
    eager = CandidateLoss(C, **SETTINGS[name])
    compiled = copy.deepcopy(eager)
    train(eager, eager)
    train(compiled, compile_whole(compiled))

    for key, value in eager.state_dict().items():
        assert_close(compiled.state_dict()[key], value)


def test_evaluation_and_padding_add_nothing():
    loss = CandidateLoss(C, rho=1.0)
    loss.padding = (12, 12)
    train(loss, loss)
    loss.padding = (0, 0)
    train(loss.eval(), loss)
    assert not any(buffer.any() for buffer in loss.statistics.values())


def test_smoothing_by_the_prior_asks_for_the_same_lead_of_each_class():
    loss = CandidateLoss(C, smoothing=0.1).eval()
    loss.seen.copy_(torch.tensor([500.0, 200.0, 50.0, 20.0, 5.0]))
    lead = math.log(1 + C * 0.9 / 0.1)
    logits = (lead * torch.eye(C)).requires_grad_()

    loss(logits, torch.arange(C)).backward()
    assert_close(logits.grad, torch.zeros(C, C), rtol=0, atol=1e-6)
    loss.uniform_smoothing = True
    logits.grad = None
    loss(logits, torch.arange(C)).backward()
    gained = -logits.grad.diag()
    assert gained[-1] > 0.1  # the rarest class shall lead by more
    assert (gained.diff() > 0).all()


def test_a_margin_is_refused_with_smoothing():
    with pytest.raises(ValueError, match=r'kappa=2'):
        CandidateLoss(C, smoothing=0.1, kappa=2.0)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"difficulty.*'size'"):
        CandidateLoss(C, difficulty='size')
    with pytest.raises(ValueError, match=r'begin.*80'):
        CandidateLoss(C, begin=80)
