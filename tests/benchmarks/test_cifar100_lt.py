"""The queue of CIFAR100-LT trainings: what it runs, and what it keeps of each run."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))

import cifar100_results
from cifar100_lt import QUEUE, Entry, exact_config, short
from cifar100_results import is_done, labels_digest, read_results, record_run
from cifar100_table import cifar100_rows

from mmgala.comparison.methods import CATALOGUE
from mmgala.registry import MODELS

CLASSES = 100


def config(entry, precision='bfloat16', on_device=False):
    return exact_config(entry, Path('work'), 'data/cifar100', precision, on_device)


def test_order_of_the_published_runs():
    rows = [e for e in QUEUE if not e.chooses_tau]

    assert [(e.method, e.imbalance_factor, e.seed) for e in rows] == [
        ('gala', 100, 0), ('ce', 100, 0), ('balanced-softmax', 100, 0),
        ('gala-official', 100, 0), ('ldam-drw', 100, 0), ('gala-margin', 100, 0),
        ('gala-lead', 100, 0),
        ('gala-lead', 100, 1), ('gala-margin', 100, 1), ('gala', 100, 1),
        ('ce', 100, 1), ('balanced-softmax', 100, 1),
        ('gala-lead', 100, 2), ('gala-margin', 100, 2), ('gala', 100, 2),
        ('ce', 100, 2), ('balanced-softmax', 100, 2),
        ('gala', 200, 0), ('balanced-softmax', 200, 0),
        ('gala', 50, 0), ('gala', 10, 0),
    ]  # fmt: skip
    assert {e.epochs for e in rows} == {200}
    assert len({e.name for e in QUEUE}) == len(QUEUE)
    wanted = {(e.method, e.imbalance_factor) for e in rows}
    assert {(e.method, e.imbalance_factor) for e in QUEUE if e.chooses_tau} == wanted


@pytest.mark.parametrize('entry', QUEUE, ids=lambda entry: entry.name)
def test_every_entry_is_the_published_recipe(entry):
    cfg = config(entry)

    data = cfg.train_dataloader
    assert data.dataset.imbalance_factor == entry.imbalance_factor
    assert (data.batch_size, data.drop_last, data.num_workers) == (64, True, 0)
    assert cfg.randomness.seed == entry.seed
    assert cfg.train_cfg.max_epochs == entry.epochs
    # 0.05, then a cosine from 0.1 whose last step is 0.
    constant, cosine = cfg.param_scheduler
    assert (constant.factor, constant.end) == (0.5, 2)
    assert (cosine.begin, cosine.end, cosine.T_max) == (
        1,
        entry.epochs,
        entry.epochs - 2,
    )
    kinds = {'ce': 'CrossEntropyLoss', 'ldam-drw': 'mmgala.LDAMLoss',
             'balanced-softmax': 'mmgala.BalancedSoftmaxLoss'}  # fmt: skip
    loss = cfg.model.head.loss
    assert loss.type == kinds.get(entry.method, 'mmgala.GALALoss')
    lambdas = (loss.get('variant'), loss.get('lambda_pos'), loss.get('lambda_neg'))
    expected = {
        'gala-official': ('official', 1.2, 0.9),
        'gala-margin': (None, 1.5, 1.5),
        'gala-lead': (None, 1.5, 1.5),
    }
    assert lambdas == expected.get(entry.method, (None, None, None))


@pytest.mark.parametrize(
    ('name', 'settings'), [('gala-margin', (3.0, 0.0)), ('gala-lead', (4.0, 10.0))]
)
def test_label_margins_are_those_of_the_catalogue(name, settings):
    head = config(Entry(name, 100)).model.head

    method = CATALOGUE[name]
    assert (head.type, head.scale) == (method.head['type'], method.head['scale'])
    assert dict(head.loss) == method.loss
    loss = MODELS.build(head).loss_module
    assert (loss.label_margin, loss.lead_memory) == settings


def test_rows_train_on_all_images_and_short_runs_hold_some_out():
    row, tau = config(Entry('gala', 100)), config(short('gala', 100))

    assert 'val_per_class' not in row.train_dataloader.dataset.dataset
    assert row.test_dataloader.dataset.split == 'test'
    assert tau.train_dataloader.dataset.dataset.val_per_class == 25
    held_out = tau.val_dataloader.dataset
    assert (held_out.split, held_out.val_per_class) == ('val', 25)
    assert tau.test_dataloader.dataset.split == 'test'
    assert tau.val_dataloader.dataset.data_root == 'data/cifar100'


def test_precision_and_place_of_the_images():
    plain = config(Entry('gala', 100), precision='float32')
    fast = config(Entry('gala', 100), on_device=True)

    assert plain.optim_wrapper.get('type', 'OptimWrapper') == 'OptimWrapper'
    assert not any('ChannelsLast' in hook['type'] for hook in plain.custom_hooks)
    assert plain.train_cfg.get('type') is None
    assert fast.optim_wrapper.type == 'mmgala.BFloat16OptimWrapper'
    assert any('ChannelsLast' in hook['type'] for hook in fast.custom_hooks)
    assert fast.train_cfg == dict(
        type='mmgala.OnDeviceTrainLoop', max_epochs=200, val_interval=20
    )


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where results go, instead of the repository."""
    folder = tmp_path / 'results' / 'cifar100_lt'
    monkeypatch.setattr(cifar100_results, 'FOLDER', folder)
    monkeypatch.setattr(cifar100_results, 'RESULTS', folder.with_suffix('.json'))
    return folder


@pytest.fixture
def scores():
    """Softmax scores and labels of 500 images, and class counts of factor 100."""
    generator = np.random.default_rng(0)
    target = generator.integers(0, CLASSES, 500)
    logits = generator.normal(size=(500, CLASSES))
    logits[np.arange(500), target] += 2.5
    logits -= np.linspace(0, 2, CLASSES)  # the tail is predicted too seldom
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    counts = [int(500 * 100 ** (-c / 99)) for c in range(CLASSES)]
    return scores.astype(np.float32), target, np.array(counts)


@pytest.fixture
def run_folder(tmp_path, scores):
    """Folder of a finished run, as ``mmgala.comparison`` leaves it."""
    folder = tmp_path / 'run'
    folder.mkdir()
    pred, target, counts = scores
    for split in ('val', 'test'):
        np.savez(folder / f'{split}.npz', pred_score=pred, gt_label=target,
                 class_counts=counts)  # fmt: skip
    state = {'head.fc.weight': torch.ones(3, 2)}
    meta = dict(epoch=200, dataset_meta=dict(class_counts=counts.tolist()), cfg='x')
    optimizer = dict(state=torch.ones(100))
    checkpoint = dict(state_dict=state, meta=meta, optimizer=optimizer)
    torch.save(checkpoint, folder / 'epoch_200.pth')
    (folder / 'config.py').write_text('model = 1\n')
    (folder / 'train.log').write_text(
        'INFO - Epoch(train) [1][100/169]  lr: 5e-02\nINFO - Saving checkpoint\n'
        'INFO - Epoch(val) [20][20/20]  accuracy/top1: 12.0\n'
    )
    record = dict(status='finished', seconds=7.5, resumed_at=[dict(epoch=3, iter=507)],
                  files=['val.npz', 'test.npz', 'epoch_200.pth'])  # fmt: skip
    (folder / 'run.json').write_text(json.dumps(record))
    return folder


def class_means(predicted, target, classes):
    """Mean accuracy of classes in percent, by loops."""
    means = []
    for c in classes:
        if (target == c).any():
            means.append((predicted[target == c] == c).mean())
    return 100 * np.mean(means)


def test_a_row_has_the_numbers_of_its_scores(results, run_folder, scores):
    record_run(Entry('gala', 100), run_folder, 'abc1234')

    (run,) = read_results()['runs']
    pred, target, counts = scores
    rebalanced = pred / pred.sum(axis=0, dtype=np.float64)
    for suffix, values in (('', pred), ('_rebalanced', rebalanced)):
        predicted = values.argmax(axis=1)
        top1 = 100 * (predicted == target).mean()
        assert run[f'top1{suffix}'] == pytest.approx(top1, abs=1e-3)
        for group, classes in (
            ('many', np.flatnonzero(counts > 100)),
            ('medium', np.flatnonzero((counts >= 20) & (counts <= 100))),
            ('few', np.flatnonzero(counts < 20)),
        ):
            mean = class_means(predicted, target, classes)
            assert run[f'{group}{suffix}'] == pytest.approx(mean, abs=1e-3)
    assert run['top1_by_tau']['0.0'] == run['top1']
    assert run['top1_by_tau']['1.0'] == run['top1_rebalanced']
    assert (run['commit'], run['seconds']) == ('abc1234', 7.5)
    assert run['resumed_at'] == [dict(epoch=3, iter=507)]


def test_tau_is_the_one_that_held_out_images_choose(results, run_folder, scores):
    record_run(short('gala', 100), run_folder, '')

    (run,) = read_results()['tau_runs']
    pred, target, _ = scores
    support = np.bincount(target, minlength=CLASSES)
    weight = 1 / support[target]
    mass = (weight[:, None] * pred).sum(axis=0)
    grid = [step / 10 for step in range(31)]
    accuracies = [
        class_means((pred / mass**tau).argmax(axis=1), target, range(CLASSES))
        for tau in grid
    ]
    best = max(accuracies)
    chosen = next(t for t, a in zip(grid, accuracies, strict=True) if a > best - 1e-6)
    assert run['tau'] == chosen
    assert run['held_out'] == 500


def test_the_chosen_tau_reaches_every_seed_of_its_method(results, run_folder):
    for entry in (Entry('gala', 100), Entry('gala', 100, 1), Entry('ce', 100)):
        record_run(entry, run_folder, '')
    record_run(short('gala', 100), run_folder, '')

    found = read_results()
    tau = f'{found["tau_runs"][0]["tau"]:.1f}'
    expected = f'{found["runs"][0]["top1_by_tau"][tau]:.1f}'
    chosen = {(row[1], row[2]): row[6] for row in cifar100_rows(found)}
    assert chosen == {
        ('gala', 'seed 0'): expected, ('gala', 'seed 1'): expected,
        ('gala', 'mean of 2'): expected, ('ce', 'seed 0'): '-',
    }  # fmt: skip


def test_finished_runs_are_never_repeated(results, run_folder):
    entry = Entry('gala', 100)
    assert not is_done(entry, read_results())

    record_run(entry, run_folder, '')

    found = read_results()
    assert is_done(entry, found)
    others = (Entry('gala', 100, 1), Entry('gala', 200), Entry('ce', 100),
              Entry('gala', 100, epochs=100), short('gala', 100))  # fmt: skip
    assert not any(is_done(other, found) for other in others)


def test_runs_on_labels_that_were_corrected_are_repeated(results, run_folder):
    entry, earlier = Entry('gala', 100), Entry('ce', 100)
    record_run(earlier, run_folder, '')  # before digests were stored
    record_run(entry, run_folder, '', 'before')

    found = read_results()
    assert is_done(earlier, found, 'now')
    assert is_done(entry, found, 'before')
    assert not is_done(entry, found, 'now')
    record_run(entry, run_folder, '', 'now')

    runs = read_results()['runs']
    assert [(run['method'], run.get('data')) for run in runs] == [
        ('ce', None), ('gala', 'now'),
    ]  # fmt: skip


def test_the_digest_is_of_the_labels_of_all_splits():
    def digest(factor, split='val'):
        digits = dict(type='mmgala.DigitsDataset', pipeline=[])
        long_tailed = dict(type='mmgala.LongTailedDataset', imbalance_factor=factor,
                           dataset=dict(digits, split='train'))  # fmt: skip
        return labels_digest(
            Config(
                dict(
                    train_dataloader=dict(dataset=long_tailed),
                    val_dataloader=dict(dataset=dict(digits, split=split)),
                )
            )
        )

    assert digest(50) == digest(50)
    assert len({digest(50), digest(20), digest(50, 'test')}) == 3


def test_a_run_whose_files_could_not_be_kept_is_not_listed(results, run_folder):
    (run_folder / 'train.log').unlink()

    with pytest.raises(FileNotFoundError):
        record_run(Entry('gala', 100), run_folder, '')

    assert not is_done(Entry('gala', 100), read_results())


def test_config_course_and_weights_are_kept(results, run_folder):
    record_run(Entry('gala', 100), run_folder, '')
    record_run(Entry('gala', 100, 1), run_folder, '')

    name = results / 'gala_if100_seed0'
    assert name.with_suffix('.py').read_text() == 'model = 1\n'
    course = name.with_suffix('.log').read_text().splitlines()
    assert [line.split('  ')[1] for line in course] == [
        'lr: 5e-02',
        'accuracy/top1: 12.0',
    ]
    kept = torch.load(name.with_suffix('.pth'), weights_only=True)
    assert set(kept) == {'state_dict', 'meta'}
    assert kept['meta']['dataset_meta']['class_counts'][0] == 500
    assert not (results / 'gala_if100_seed1.pth').exists()


def test_learning_rates_of_a_short_run():
    cfg = config(short('gala', 100))
    layer = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=cfg.optim_wrapper.optimizer.lr)
    schedulers = [
        PARAM_SCHEDULERS.build(scheduler, default_args=dict(optimizer=optimizer))
        for scheduler in cfg.param_scheduler
    ]

    found = []
    for _ in range(40):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()

    cosine = [0.05 * (1 + math.cos(math.pi * step / 38)) for step in range(39)]
    np.testing.assert_allclose(found, [0.05, *cosine], atol=1e-12)
