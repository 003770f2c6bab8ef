"""Runs of one seed have equal initial weights and batches, even with noisy losses."""

import copy

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner, set_random_seed

from mmgala.comparison import CATALOGUE, find_methods
from mmgala.comparison.config import run_config
from tests.comparison.small import small_config

TRAINED = [name for name, method in CATALOGUE.items() if method.start is None]


def order_of(cfg, draws):
    """Indices of two epochs, with random draws between the batches."""
    set_random_seed(0)
    loader = Runner.build_dataloader(copy.deepcopy(cfg.train_dataloader), seed=0)
    found = []
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            found += [sample.sample_idx for sample in batch['data_samples']]
            torch.randn(draws)
    return found


def test_noise_of_a_method_does_not_move_the_order_of_the_data(tmp_path):
    (method,) = find_methods(['gcl-one-stage'])
    init_default_scope('mmpretrain')
    cfg = run_config(small_config(), method, 0, tmp_path, 'last')
    first = order_of(cfg, 0)
    assert order_of(cfg, 7) == first
    half = len(first) // 2
    assert sorted(first[:half]) == sorted(first[half:]) != first[:half]


@pytest.mark.parametrize('name', TRAINED)
def test_heads_of_one_shape_start_alike(name, tmp_path):
    """Cosine heads have other initial weights, which are equal among themselves.

    A bias that a method sets is not random.
    """
    init_default_scope('mmpretrain')

    def start(text):
        (method,) = find_methods([text])
        cfg = run_config(small_config(), method, 0, tmp_path, 'last')
        set_random_seed(0)
        model = MODELS.build(cfg.model)
        model.init_weights()
        return dict(model.named_parameters())

    head = CATALOGUE[name].head
    cosine = head is not None and head['type'].endswith('CosineClsHead')
    ours, expected = start(name), start('cosine' if cosine else 'ce')
    set_by_it = CATALOGUE[name].no_weight_decay
    shared = [key for key in expected if key in ours and key not in set_by_it]
    assert {key for key in expected if 'backbone' in key} <= set(shared)
    assert all(torch.equal(ours[key], expected[key]) for key in shared)
