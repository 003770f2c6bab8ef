"""tools/analysis/evaluate_predictions.py: tables and figures from dumps."""

import csv
import json
import sys

import numpy as np
import pytest

from mmgala.analysis.prediction_files import read_predictions
from mmgala.analysis.predictions import analyse_predictions
from mmgala.functional import ShotThresholds
from tests.evaluation.predictions import biased_scores
from tests.reference.rebalance_numpy import rebalance
from tests.tools.command_line import assert_one_line, load_tool
from tests.tools.tau import best_tau

COUNTS = np.array([200, 41, 40, 10, 9, 3])
NAMES = ['cat', 'dog, wild', 'ewe', 'gnu', 'yak', 'Äsche']
LIMITS = ('--many', 40, '--few', 10)
PICTURES = ('accuracy_by_count', 'class_mass', 'shot_confusion', 'tau_curve',
            'reliability')  # fmt: skip


def call(*arguments, pictures=False):
    """Run the tool's ``main``; return its error or ``None``."""
    tool = load_tool('analysis/evaluate_predictions')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', ['evaluate_predictions.py', *map(str, arguments)])
        if not pictures:  # they take seconds
            patch.setattr('mmgala.cli.programs.predictions.draw', lambda *_: None)
        try:
            tool.main()
        except SystemExit as end:
            return end.code
    return None


def save(path, scores, targets, **extra):
    path.parent.mkdir(exist_ok=True, parents=True)
    np.savez_compressed(path, pred_score=scores, gt_label=targets, **extra)
    return path


@pytest.fixture
def pred(tmp_path):
    """Predictions of one run on the test set."""
    extra = dict(class_counts=COUNTS, class_names=np.array(NAMES))
    return save(tmp_path / 'ce.npz', *biased_scores(120, 6), **extra)


@pytest.fixture
def other(tmp_path, pred):
    """Predictions of another run on the same test set."""
    with np.load(pred) as stored:
        arrays = dict(stored)
    scores = rebalance(arrays['pred_score'], 0.7)
    return save(tmp_path / 'gala.npz', scores, arrays['gt_label'], class_counts=COUNTS)


@pytest.fixture
def val(tmp_path):
    """Predictions on a validation set."""
    return save(tmp_path / 'val.npz', *biased_scores(60, 6, seed=5))


def read_json(folder):
    return json.loads((folder / 'predictions.json').read_text())


def test_writes_numbers_tables_and_figures_of_all_runs(tmp_path, pred, other, capsys):
    out = tmp_path / 'new' / 'out'

    arguments = (pred, other, *LIMITS, '--tau', 1.3, '--out', out)
    assert call(*arguments, pictures=True) is None

    names = [f'{name}.{ending}' for name in PICTURES for ending in ('png', 'svg')]
    assert sorted(p.name for p in out.iterdir()) == sorted(
        [*names, 'predictions.json', 'classes.csv']
    )
    content = read_json(out)
    assert content['limits'] == {'many': 40, 'few': 10}
    assert content['classes'][1] == {'name': 'dog, wild', 'count': 41, 'group': 'many'}
    assert [run['name'] for run in content['runs']] == ['ce', 'gala']
    for run, path in zip(content['runs'], (pred, other), strict=True):
        dump = read_predictions(path)
        assert run['predictions'] == analyse_predictions(
            dump, 1.3, ShotThresholds(40, 10)
        )
    printed = capsys.readouterr()
    top1 = content['runs'][1]['predictions']['rebalanced']['metrics']['top1']
    assert f'| gala re-balanced, tau=1.3 |  {top1:.1f} |' in printed.out
    assert 'tau is 1 by default' not in printed.err
    assert str(out) in printed.err


def few_shot(folder):
    return read_json(folder)['runs'][0]['predictions']['raw']['metrics']['few']


def test_thresholds_default_to_those_of_the_predictions(tmp_path, pred, capsys):
    arrays = dict(np.load(pred))
    stated = save(tmp_path / 'a.npz', *biased_scores(120, 6), class_counts=COUNTS,
                  shot_thresholds=[40, 10])  # fmt: skip
    assert call(stated, '--out', tmp_path / 'stated') is None
    assert read_json(tmp_path / 'stated')['limits'] == {'many': 40, 'few': 10}
    assert 'hot thresholds' not in capsys.readouterr().err
    # Without stated thresholds: the same flags give the same, no flags the defaults.
    np.savez(tmp_path / 'b.npz', **arrays)
    assert call(tmp_path / 'b.npz', *LIMITS, '--out', tmp_path / 'flags') is None
    assert few_shot(tmp_path / 'flags') == few_shot(tmp_path / 'stated')
    assert call(tmp_path / 'b.npz', '--out', tmp_path / 'default') is None
    assert read_json(tmp_path / 'default')['limits'] == {'many': 100, 'few': 20}
    assert few_shot(tmp_path / 'default') != few_shot(tmp_path / 'stated')
    printed = capsys.readouterr().err
    assert 'state no shot thresholds: using many > 100, few < 20. Change' in printed
    # Flags take precedence, with a message.
    assert call(stated, '--few', 20, '--out', tmp_path / 'few') is None
    assert read_json(tmp_path / 'few')['limits'] == {'many': 40, 'few': 20}
    assert 'few < 20, by --many and --few, instead of' in capsys.readouterr().err


def test_tau_is_not_chosen_on_other_classes(tmp_path):
    for name, number, names in (('test', 120, NAMES), ('val', 60, NAMES[::-1])):
        save(tmp_path / f'{name}.npz', *biased_scores(number, 6), class_counts=COUNTS,
             class_names=np.array(names))  # fmt: skip

    end = call(tmp_path / 'test.npz', '--val', tmp_path / 'val.npz')

    assert_one_line(end, 'have different classes.*write both again')


def test_runs_with_different_thresholds_are_not_compared(tmp_path, pred):
    arrays = dict(np.load(pred))
    paths = [tmp_path / f'{name}.npz' for name in 'ab']
    for path, few in zip(paths, (10, 20), strict=True):
        np.savez(path, **arrays, shot_thresholds=[40, few])
    assert_one_line(call(*paths), 'shot thresholds are many > 40, few < 10 and')
    assert call(*paths, *LIMITS, '--out', tmp_path / 'flags') is None


@pytest.mark.parametrize('stated', [[10, 20], [1, 2, 3], [40.0, 10.0]], ids=str)
def test_damaged_thresholds_are_named(tmp_path, pred, stated):
    np.savez(tmp_path / 'a.npz', **np.load(pred), shot_thresholds=stated)
    assert_one_line(call(tmp_path / 'a.npz'), 'few')


def test_table_of_classes(tmp_path, pred, other):
    assert call(pred, other, *LIMITS, '--names', 'A', 'B') is None

    folder = tmp_path / 'ce_analysis'
    with open(folder / 'classes.csv', encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == NAMES
    assert [int(row['count']) for row in rows] == COUNTS.tolist()
    assert [row['group'] for row in rows] == ['many'] * 2 + ['medium'] * 2 + ['few'] * 2
    runs = {run['name']: run['predictions'] for run in read_json(folder)['runs']}
    for name, kind, label in (('A', 'raw', 'A'), ('B', 'rebalanced', 'B re-balanced')):
        for key, title in (
            ('class_accuracy', 'accuracy'),
            ('class_mass', 'predicted class marginal'),
        ):
            column = [float(row[f'{label} {title}']) for row in rows]
            assert column == runs[name][kind][key]


def test_class_without_test_samples_is_an_empty_cell(tmp_path, pred):
    scores, targets = biased_scores(120, 6)
    kept = targets != 4
    save(pred, scores[kept], targets[kept], class_counts=COUNTS)

    assert call(pred) is None

    with open(tmp_path / 'ce_analysis' / 'classes.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows if row['ce accuracy'] == ''] == ['4']


def test_metrics_equal_those_of_the_test_tool(tmp_path, tested):
    out, dump = tmp_path / 'out', tested['raw.npz'].path
    assert call(dump, *LIMITS, '--tau', 1.7, '--out', out) is None
    content = read_json(out)
    expected = json.loads(tested['tau.json'].path.read_text())
    (run,) = content['runs']
    for key, value in run['predictions']['rebalanced']['metrics'].items():
        assert value == pytest.approx(expected[f'accuracy/{key}'], abs=1e-6)
    assert [c['name'] for c in content['classes']] == [str(d) for d in range(10)]


def test_tau_is_1_by_default_and_the_tool_says_so(tmp_path, pred, capsys):
    assert call(pred) is None
    (run,) = read_json(tmp_path / 'ce_analysis')['runs']
    assert run['predictions']['tau'] == 1
    printed = capsys.readouterr().err
    assert 'tau is 1 by default; --val VAL_PRED chooses it on validation' in printed
    assert 'contradict' not in printed


def test_tau_of_each_run_is_chosen_on_its_validation_predictions(
    tmp_path, pred, other, val, capsys
):
    scores, targets = biased_scores(60, 6, seed=5)
    flat = rebalance(scores, 1.0)
    flat_val = save(tmp_path / 'flat_val.npz', flat, targets)

    assert call(pred, other, '--val', val, flat_val) is None

    runs = read_json(tmp_path / 'ce_analysis')['runs']
    taus = [run['predictions']['tau'] for run in runs]
    assert taus == [best_tau(scores, targets)[0], best_tau(flat, targets)[0]]
    assert taus[0] != taus[1]
    assert 'by default' not in capsys.readouterr().err


def test_counts_and_prior_from_files(tmp_path, capsys):
    scores, targets = biased_scores(120, 6)
    kept = (targets < 2) | (np.cumsum(targets >= 2) < 12)
    pred = save(tmp_path / 'p.npz', scores[kept], targets[kept])
    counts, prior = tmp_path / 'counts.txt', tmp_path / 'prior.json'
    np.savetxt(counts, COUNTS)
    share = np.bincount(targets[kept], minlength=6) / kept.sum()
    prior.write_text(json.dumps(share.tolist()))

    assert call(pred, '--class-counts', counts) is None
    assert 'labels of the test set contradict them' in capsys.readouterr().err
    assert call(pred, '--class-counts', counts, '--target-prior', prior) is None

    assert 'contradict' not in capsys.readouterr().err
    content = read_json(tmp_path / 'p_analysis')
    assert [c['count'] for c in content['classes']] == COUNTS.tolist()
    expected = rebalance(scores[kept], 1.0, target_prior=share)
    mass = content['runs'][0]['predictions']['rebalanced']['class_mass']
    np.testing.assert_allclose(mass, expected.sum(axis=0) * 6 / kept.sum(), rtol=1e-5)


def test_prior_of_the_training(pred, tmp_path):
    assert call(pred, '--target-prior', 'train') is None

    scores, _ = biased_scores(120, 6)
    expected = rebalance(scores, 1.0, target_prior=COUNTS / COUNTS.sum())
    run = read_json(tmp_path / 'ce_analysis')['runs'][0]
    mass = run['predictions']['rebalanced']['class_mass']
    np.testing.assert_allclose(mass, expected.sum(axis=0) * 6 / 120, rtol=1e-5)


def test_prior_of_an_unknown_training(tmp_path):
    bare = save(tmp_path / 'bare.npz', *biased_scores(120, 6))
    end = call(bare, '--target-prior', 'train')
    assert_one_line(
        end, '--target-prior train needs the class counts .* --class-counts'
    )


def test_runs_with_the_same_file_name_are_named_by_their_folders(tmp_path, pred):
    arrays = dict(np.load(pred))
    paths = [tmp_path / run / 'scores.npz' for run in ('ce', 'gala')]
    for path in paths:
        path.parent.mkdir()
        np.savez(path, **arrays)
    assert call(*paths) is None
    runs = read_json(tmp_path / 'ce' / 'scores_analysis')['runs']
    assert [run['name'] for run in runs] == ['ce', 'gala']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--tau', 1, '--val', 'VAL'], 'either --val or --tau'),
        (['--tau', -1], 'Expected `tau` to be'),
        (['--many', 5], 'Expected `few` <= `many`'),
        (['--names', 'A', 'B'], '--names takes one value per PRED, 1, but got 2'),
        (['--val', 'VAL', 'VAL'], '--val takes one value per PRED, 1, but got 2'),
        (['--val', 'PRED'], 'is PRED itself: tau must not be chosen on test data'),
        (['--val', 'no.npz'], 'no.npz does not exist'),
        (['--out', 'VAL'], 'is not a folder'),
        (['--class-counts', 'no.txt'], 'no.txt does not exist'),
        (['--target-prior', 'COUNTS'], '`target_prior` to sum to 1'),
    ],
)
def test_wrong_arguments(tmp_path, pred, val, arguments, message):
    counts = tmp_path / 'counts.txt'
    np.savetxt(counts, COUNTS)
    paths = {'PRED': pred, 'VAL': val, 'COUNTS': counts}
    assert_one_line(call(pred, *(paths.get(a, a) for a in arguments)), message)
    assert not (tmp_path / 'ce_analysis').exists()


def test_two_runs_with_the_same_name(pred, other):
    end = call(pred, other, '--names', 'A', 'A')
    assert_one_line(end, r"Expected different --names, but got \['A', 'A'\]")


@pytest.mark.parametrize('weights', ['a', 'b'])
def test_validation_predictions_of_another_checkpoint(tmp_path, pred, other, weights):
    for path, digest in ((pred, 'a'), (other, weights)):
        arrays = dict(np.load(path))
        np.savez(tmp_path / path.name, **arrays, origin=np.array(['x.pth', digest]))

    end = call(tmp_path / pred.name, '--val', tmp_path / other.name)

    if weights == 'a':
        assert end is None
    else:
        assert_one_line(end, 'made from x.pth, .*predict both with one checkpoint')


def test_validation_predictions_equal_to_the_test_predictions(tmp_path, pred):
    arrays = dict(np.load(pred))
    copied = tmp_path / 'copied.npz'
    np.savez(copied, **arrays)
    assert_one_line(call(pred, '--val', copied), 'has the same scores as PRED')


def test_validation_predictions_of_other_classes(tmp_path, pred):
    val = save(tmp_path / 'v.npz', *biased_scores(60, 5))
    assert_one_line(call(pred, '--val', val), 'has 5 classes, but PRED 6')


def test_runs_on_different_data(tmp_path, pred):
    scores, targets = biased_scores(120, 6, seed=3)
    path = save(tmp_path / 'x.npz', scores, targets, class_counts=COUNTS)
    assert_one_line(call(pred, path), 'ce.npz and .*x.npz are .* different data')


def test_unknown_counts(tmp_path):
    path = save(tmp_path / 'x.npz', *biased_scores(120, 6))
    assert_one_line(call(path), 'ClassCountsHook.*--class-counts FILE')
    counts = tmp_path / 'counts.txt'
    np.savetxt(counts, COUNTS[1:])
    end = call(path, '--class-counts', counts)
    assert_one_line(end, '`class_counts` to have 6 values')


def test_pickle_is_refused(tmp_path):
    path = tmp_path / 'x.pkl'
    path.write_bytes(b'x')
    assert_one_line(call(path), 'is a pickle.*--out x.npz')
