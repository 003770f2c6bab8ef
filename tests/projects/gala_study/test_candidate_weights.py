"""A checkpoint of a candidate as one of the product."""

import sys

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmgala.losses import GALALoss
from projects.gala_study import candidate_weights
from projects.gala_study.candidates import CandidateLoss
from tests.batches import random_logits, random_target

C = 6


def model_with(loss):
    return nn.ModuleDict(dict(fc=nn.Linear(3, C), loss_module=loss))


def trained_candidate():
    torch.manual_seed(0)
    candidate = CandidateLoss(C, tau=1.5, kappa=4.0, fit_memory=10.0, fit='lead')
    for seed in range(8):
        logits = random_logits(20, C, seed=seed).float()
        target = random_target('hard', 20, C, seed=seed)
        logits += 6 * torch.eye(C)[target]
        candidate(logits.requires_grad_(), target)
    return model_with(candidate)


def test_the_product_continues_as_the_candidate_would(tmp_path, monkeypatch):
    model = trained_candidate()
    before, after = tmp_path / 'epoch_9.pth', tmp_path / 'out.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(epoch=9)), before)
    monkeypatch.setattr(sys, 'argv', ['candidate_weights', str(before), str(after)])
    candidate_weights.main()

    stored = torch.load(after)
    ours = model_with(
        GALALoss(
            C, 1.5, 1.5, count_share=1.0, label_margin=4.0, lead_memory=10.0
        )
    )  # fmt: skip
    ours.load_state_dict(stored['state_dict'])
    assert stored['meta'] == dict(epoch=9)
    assert_close(ours['fc'].weight, model['fc'].weight)
    logits, target = random_logits(9, C).float().requires_grad_(), torch.arange(9) % C
    assert ours['loss_module'].label_lead() > 0.2
    for _ in range(2):  # the second has new statistics
        found, expected = (m['loss_module'](logits, target) for m in (ours, model))
        assert_close(found, expected)


def test_weights_without_a_candidate_are_refused():
    with pytest.raises(ValueError, match='no CandidateLoss'):
        candidate_weights.as_gala(model_with(GALALoss(C)).state_dict())
