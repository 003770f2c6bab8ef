"""Screening of candidates: what it trains on, what it keeps, and how it compares."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))

from better_gala import Entry, exact_config, queue
from better_gala_results import (
    RESULTS,
    find_run,
    measured,
    pack,
    pack_labels,
    read_results,
    record_run,
    rows_of,
    table,
    unpack,
    unpack_labels,
)
from better_gala_screens import CANDIDATES, REFERENCES, SCREENS, STOPPED

ARGS = Namespace(sets=list(SCREENS), seeds=2, first_seed=0, epochs=None, only=None,
                 data_root=None, on_device=False)  # fmt: skip


def with_args(**changes):
    return Namespace(**{**vars(ARGS), **changes})


def test_all_methods_have_a_seed_before_any_has_two():
    entries = queue(with_args(sets=['cifar100']))

    first = [*REFERENCES, *CANDIDATES]
    second = [method for method in first if method not in STOPPED['cifar100']]
    assert [e.method for e in entries] == first + second
    assert [e.seed for e in entries] == [0] * len(first) + [1] * len(second)
    assert {e.epochs for e in entries} == {40}
    chosen = sum(2 * len(screen.methods) for screen in SCREENS.values())
    every = len(entries) + 4 * 2 * len(first) + chosen
    assert len({e.name for e in queue(ARGS)}) == every


def test_only_takes_runs_and_methods():
    found = queue(with_args(only=['gala', 'cifar100_ce_seed1'], sets=['cifar100']))

    assert [e.name for e in found] == [
        'cifar100_gala_seed0', 'cifar100_gala_seed1', 'cifar100_ce_seed1'
    ]  # fmt: skip
    with pytest.raises(SystemExit, match=r'--list.*resnet'):
        queue(with_args(only=['gala', 'resnet']))


SCREENED = [
    (name, method)
    for name, screen in SCREENS.items()
    for method in ('balanced-softmax', *CANDIDATES)
    if not screen.methods or method in screen.methods
]


@pytest.mark.parametrize(('name', 'method'), SCREENED)
def test_no_run_has_test_images(name, method, tmp_path):
    cfg = exact_config(Entry(name, method, 1, 7), tmp_path / 'run', with_args())

    assert cfg.test_dataloader is None
    assert cfg.train_cfg.max_epochs == 7
    assert cfg.train_cfg.val_begin == 8
    assert cfg.randomness.seed == 1
    images = cfg.val_dataloader.dataset
    if images.get('left_out'):
        images = images.dataset
    assert images.split in ('val', 'train')  # held out by indices
    loss = cfg.model.head.loss.type
    expected = 'BalancedSoftmaxLoss' if method in REFERENCES else 'CandidateLoss'
    assert loss == f'mmgala.{expected}'


def test_cifar_holds_training_images_out_and_shortens_the_schedule():
    args = with_args(on_device=True, data_root='elsewhere')
    cfg = exact_config(Entry('cifar100', 'gala', 0, 40), Path('work'), args)

    held_out, trained = cfg.val_dataloader.dataset, cfg.train_dataloader.dataset.dataset
    assert (held_out.split, held_out.val_per_class) == ('val', 25)
    assert (trained.split, trained.val_per_class) == ('train', 25)
    assert held_out.data_root == trained.data_root == 'elsewhere'
    cosine = cfg.param_scheduler[1]
    assert (cosine.T_max, cosine.end) == (38, 40)
    assert cfg.train_cfg.type == 'mmgala.OnDeviceTrainLoop'
    assert cfg.default_hooks.checkpoint.interval == 5


def test_long_trainings_are_the_published_ones_and_validated_on_other_images():
    cfg = exact_config(Entry('cifar100-long', 'gala', 0, 200), Path('w'), with_args())

    trained, left_out = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    assert trained.pop('left_out', False) is False
    assert left_out.pop('left_out') is True
    assert (trained.dataset.split, left_out.dataset.split) == ('train', 'train')
    assert trained.dataset.pop('pipeline') != left_out.dataset.pop('pipeline')
    assert left_out.dataset.pop('test_mode') is True
    assert trained == left_out  # seed and factor: the rest are the other images
    table = Config.fromfile(RESULTS.parent / 'cifar100_lt' / 'gala_if100_seed1.py')
    assert cfg.train_cfg.max_epochs == table.train_cfg.max_epochs == 200
    assert cfg.param_scheduler == table.param_scheduler
    assert cfg.optim_wrapper == table.optim_wrapper


def test_continued_trainings_start_with_the_network_but_not_the_statistics(tmp_path):
    entry = Entry('cifar100-continued', 'gala', 0, 20)
    cfg = exact_config(entry, tmp_path / entry.name, with_args())

    start = torch.load(cfg.load_from, weights_only=True)['state_dict']
    weights = RESULTS.parent / 'cifar100_lt' / 'gala_if100_seed0.pth'
    published = torch.load(weights, weights_only=True)['state_dict']
    assert set(published) - set(start) == {
        'head.loss_module.pos_grad', 'head.loss_module.neg_grad'
    }  # fmt: skip
    assert all(torch.equal(start[name], published[name]) for name in start)
    rates = learning_rates(cfg, entry.epochs)
    cosine = [0.025 * (1 + np.cos(np.pi * epoch / 20)) for epoch in range(20)]
    np.testing.assert_allclose(rates, cosine, atol=1e-9)


def learning_rates(cfg, epochs):
    """Learning rate in each epoch, by MMEngine's own schedulers."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=cfg.optim_wrapper.optimizer.lr)
    schedulers = [
        PARAM_SCHEDULERS.build({**scheduler, 'optimizer': optimizer})
        for scheduler in cfg.param_scheduler
    ]
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def test_bits_as_text():
    bits = np.random.default_rng(0).random(1003) < 0.3
    assert np.array_equal(unpack(pack(bits), 1003), bits)


def test_labels_as_text():
    labels = np.random.default_rng(0).integers(0, 1203, size=500)

    assert np.array_equal(unpack_labels(pack_labels(labels)), labels)


def run_folder(path, right, classes=4, per_class=20):
    """Folder of a finished run in which the first ``right`` of each class are right."""
    path.mkdir(parents=True)
    target = np.repeat(np.arange(classes), per_class)
    position = np.tile(np.arange(per_class), classes)
    guess = np.where(position < right, target, (target + 1) % classes)
    scores = np.full((len(target), classes), 0.1, dtype=np.float32)
    scores[np.arange(len(target)), guess] = 0.7
    counts = np.array([200, 60, 20, 10])
    np.savez(path / 'val.npz', pred_score=scores, gt_label=target, class_counts=counts)
    (path / 'run.json').write_text(json.dumps(dict(seconds=3.5, resumed_at=[])))
    return path


def identity(method, seed, data='d'):
    return dict(set='cifar100', method=method, seed=seed, epochs=40, data=data)


def test_results_are_kept_and_replaced_by_identity(tmp_path):
    out = tmp_path / 'results.json'
    first = run_folder(tmp_path / 'a', right=12)
    record_run(out, identity('gala', 0), first, 'abc')
    record_run(out, identity('gala', 1), run_folder(tmp_path / 'b', right=10), 'abc')
    record_run(out, identity('gala', 0, 'new'), first, 'def')

    results = read_results(out)
    assert [(r['seed'], r['commit']) for r in results['runs']] == [
        (1, 'abc'),
        (0, 'def'),
    ]
    found = find_run(results, identity('gala', 0))
    assert (found['top1'], found['class_mean'], found['seconds']) == (60.0, 60.0, 3.5)
    assert found['many'] == found['few'] == 60.0
    assert find_run(results, identity('ce', 0)) is None


def test_differences_are_over_common_seeds(tmp_path):
    out = tmp_path / 'results.json'
    runs = [('balanced-softmax', 0, 10), ('balanced-softmax', 1, 12), ('gala', 1, 15)]
    for method, seed, right in runs:
        folder = run_folder(tmp_path / f'{method}{seed}', right)
        record_run(out, identity(method, seed), folder, '')

    rows = list(table(read_results(out), 'cifar100', '', 40, 'balanced-softmax'))
    assert [row[:3] for row in rows] == [
        ['gala', '1', '75.0'], ['balanced-softmax', '2', '55.0']
    ]  # fmt: skip
    assert rows[0][-1].startswith('+15.0 (')  # of seed 1 alone
    assert not rows_of(read_results(out), 'cifar100', '', epochs=1)


def test_training_prior_where_the_validation_set_is_not_balanced():
    target = np.array([0] * 8 + [1] * 2)
    scores = torch.tensor([[0.6, 0.4]] * 5 + [[0.4, 0.6]] * 5)

    found = measured(scores, target, np.array([8, 2]))
    balanced = measured(scores, np.array([0, 1] * 5), np.array([8, 2]))
    assert found['top1'] == 70.0
    assert found['top1_training_prior'] == 80.0
    assert 'top1_training_prior' not in balanced
