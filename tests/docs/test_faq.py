"""docs/faq.md: its numbers are those of the result files."""

import json
import re
from statistics import mean, stdev

from tests.docs.pages import ROOT

TEXT = re.sub(r'\s+', ' ', (ROOT / 'docs/faq.md').read_text())
RESULTS = ROOT / 'benchmarks' / 'results'
FACTORS = ('if10', 'if100', 'if200')


def values(name, method, metric='top1', step=''):
    """A metric of each seed of a comparison."""
    rows = json.loads((RESULTS / f'compare_{name}.json').read_text())['rows']
    (row,) = (r for r in rows if (r['method'], r['post_hoc']) == (method, step))
    return [run[metric] for run in row['runs']]


def fashion(method, factor='if100', metric='top1', step=''):
    """Mean of a metric on Fashion-MNIST-LT."""
    return mean(values(f'fashion-mnist-lt_{factor}', method, metric, step))


def cifar(method):
    """The runs of CIFAR100-LT at factor 100, by seed."""
    runs = json.loads((RESULTS / 'cifar100_lt.json').read_text())['runs']
    return {
        r['seed']: r
        for r in runs
        if (r['method'], r['imbalance_factor']) == (method, 100)
    }


def test_what_gala_costs_and_gives():
    ours, plain = cifar('gala')[0], cifar('ce')[0]
    assert '(factor 100, seed 0)' in TEXT
    assert f'frequent classes {plain["many"] - ours["many"]:.1f} points' in TEXT
    assert f'the rare ones {ours["few"] - plain["few"]:.1f}' in TEXT
    assert f'a gain of {ours["top1"] - plain["top1"]:.1f}' in TEXT
    assert f'plain CE reaches {plain["top1"]:.1f} %' in TEXT


def test_focal_loss_against_class_weights():
    reached = [fashion(m) for m in ('cb-focal', 'cb-ce', 'balanced-softmax')]
    focal, weights, balanced = (f'{value:.1f}' for value in reached)
    assert f'it reached {focal} %' in TEXT
    assert f'reached {weights} and balanced softmax {balanced}' in TEXT


def test_gains_by_imbalance():
    gains = [
        [
            f'{fashion(m, f) - fashion("ce", f):.1f}'
            for m in ('gala', 'balanced-softmax')
        ]
        for f in FACTORS
    ]
    assert (
        f'GALA gains {gains[0][0]} points over CE and balanced softmax {gains[0][1]}'
        in TEXT
    )
    assert 'at 100 they gain {} and {}'.format(*gains[1]) in TEXT
    assert 'at 200 {} and {}'.format(*gains[2]) in TEXT
    digits = [mean(values('digits-lt', method)) for method in ('gala', 'ce')]
    assert f'GALA gains {digits[0] - digits[1]:.1f}.' in TEXT


def test_calibration():
    raw = [
        fashion(m, metric='ece') for m in ('ce', 'gala', 'balanced-softmax', 'ldam-drw')
    ]
    assert (
        'CE {:.1f}, GALA {:.1f}, balanced softmax {:.1f}, LDAM-DRW {:.1f}'.format(*raw)
        in TEXT
    )
    again = [fashion(m, metric='ece', step='rebalancing') for m in ('ce', 'gala')]
    assert 're-balanced, CE {:.1f} and GALA {:.1f}'.format(*again) in TEXT


def test_tau_hardly_matters():
    for run in cifar('gala').values():
        found = [v for tau, v in run['top1_by_tau'].items() if 0.5 <= float(tau) <= 2]
        assert max(found) - min(found) <= 0.5
    assert 'gives GALA the same accuracy within 0.5 points' in TEXT


def test_spread_of_seeds():
    digits, worst = (
        stdev(values('digits-lt', 'gala', m)) for m in ('top1', 'worst_class')
    )
    large = stdev(values('fashion-mnist-lt_if100', 'gala'))
    assert f'standard deviation of {digits:.1f} points on Digits-LT' in TEXT
    assert f'of {large:.1f} on Fashion-MNIST-LT' in TEXT
    assert f'of the worst class one of {worst:.0f}' in TEXT


def test_examples_print_what_the_page_says():
    mixup = (ROOT / 'examples/timm_training.py').read_text()
    few = re.findall(
        r'(?:cross-entropy|GALA) .* ([\d.]+)\n', mixup.partition('import')[0]
    )
    assert 'from {} to {} %'.format(*few) in TEXT
    fraud = (ROOT / 'examples/tabular_fraud.py').read_text().partition('import')[0]
    rows = re.findall(r'^    (cross-entropy|class-balanced|GALA)  +(.*)$', fraud, re.M)
    recall, precision = ([float(row.split()[i]) for _, row in rows] for i in (0, 3))
    spans = [max(each) - min(each) for each in (precision, recall)]
    assert f'differs by {spans[0]:.1f} points, recall by {spans[1]:.0f}' in TEXT
