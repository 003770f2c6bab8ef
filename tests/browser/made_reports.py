"""Reports with made-up numbers of realistic shape and size."""

import numpy as np
from PIL import Image

from mmgala.analysis.confusions import class_confusions
from mmgala.apis.thumbnails import thumbnail_address

GROUPS = ('many', 'medium', 'few')
# A checkerboard of 8 x 8 pixels.
IMAGE = thumbnail_address(
    Image.fromarray((np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8))
)


def make_report(num_classes=10, names=('CE', 'GALA'), seed=0, **changes):
    """A report of several runs; later runs treat the tail better.

    Args:
        num_classes: C.
        names: names of the runs.
        seed: seed of all numbers.
        changes: parts of the report to replace.
    """
    rng = np.random.default_rng(seed)
    counts = (500 * 250.0 ** -np.linspace(0, 1, num_classes)).astype(int)
    counts = rng.permutation(np.maximum(counts, 2))
    groups = np.select([counts > 100, counts >= 20], GROUPS[:2], GROUPS[2])
    classes = [
        {'name': f'species {c:04d}', 'count': int(n), 'group': str(g)}
        for c, (n, g) in enumerate(zip(counts, groups, strict=True))
    ]
    report = {
        'title': f'Made-up runs on {num_classes:,} classes',
        'limits': {'many': 100, 'few': 20},
        'classes': classes,
        'runs': [
            make_run(name, counts, groups, level / max(1, len(names) - 1), rng)
            for level, name in enumerate(names)
        ],
        'missing': [],
        'image_note': '',
    }
    report['samples'] = make_samples(classes, report['runs'], rng)
    report['images'] = [IMAGE] * len(report['samples']['rows'])
    return {**report, **changes}


def make_samples(classes, runs, rng, most=100, per_class=4):
    """Four samples of each of up to 100 classes, twelve of which are mistakes."""
    labels = np.repeat(np.arange(min(most, len(classes))), per_class)
    size = len(labels)
    guesses = [
        {
            kind: {
                'predicted': np.where(
                    rng.random(size) < 0.5, labels, (labels + 1) % len(classes)
                ).tolist(),
                'confidence': rng.uniform(0.2, 1, size).tolist(),
            }
            for kind in ('raw', 'rebalanced')
        }
        for _ in runs
    ]
    for run in guesses:
        for kind in run.values():
            wrong = np.flatnonzero(np.array(kind['predicted']) != labels)
            kind['mistakes'] = wrong[:12].tolist()
    return {
        'rows': (7 * np.arange(size)).tolist(),
        'classes': labels.tolist(),
        'of_class': {
            str(c): np.flatnonzero(labels == c).tolist() for c in np.unique(labels)
        },
        'runs': guesses,
    }


def make_run(name, counts, groups, balance, rng):
    """One run; with ``balance`` 0 it neglects the tail, with 1 it does not."""
    return {
        'name': name,
        'gradients': make_gradients(counts, groups, balance, rng),
        'vectors': make_vectors(counts, groups, balance, rng),
        'predictions': make_predictions(counts, groups, balance, rng),
        'course': make_course(balance),
        'setup': {
            'config': f'model = dict(loss=dict(name={name!r}))\n' * 40,
            'config_path': f'work_dirs/{name}/config.py',
            'commands': f'2026-01-01 00:00:00  mmgala train {name}.py',
        },
    }


def make_course(balance, epochs=20):
    steps = np.arange(1, epochs + 1)
    curve = (90 * (1 - np.exp(-steps / (4 + 2 * balance)))).tolist()
    loss = (2.5 * np.exp(-steps / 6) + 0.2 * balance).tolist()
    metrics = ('accuracy/top1', 'accuracy/many', 'accuracy/few', 'accuracy/ece')
    steps = steps.tolist()
    return {
        'unit': 'iteration',
        'loss': {'loss': {'steps': [100 * s for s in steps], 'values': loss}},
        'validation_unit': 'epoch',
        'validation': {key: {'steps': steps, 'values': curve} for key in metrics},
    }


def by_group(values, groups):
    return {g: float(values[groups == g].mean()) for g in GROUPS if g in groups}


def make_gradients(counts, groups, balance, rng, steps=20):
    size = len(counts)
    log_ratio = 0.12 * (1 - balance) * (np.log(counts) - np.log(30))
    course = np.linspace(2.5, 1, steps)
    noise = rng.normal(0, 0.06, size)
    ratio, total = np.exp(log_ratio + noise), np.exp(1.6 * log_ratio + noise)
    drift = np.linspace(0.1, 0, steps)
    theta = 30 * counts**0.7 * rng.lognormal(0, 0.2, size)
    shares = rng.dirichlet([7, 2, 1], size)
    shares[:, [g not in groups for g in GROUPS]] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    return {
        'unit': 'epoch',
        'steps': list(range(1, steps + 1)),
        'summary': {
            'log_ratio_spread': (course * log_ratio.std() + 0.06).tolist(),
            'tail_head_ratio': np.exp(-(1.1 - balance) * course / 3).tolist(),
            'ratio_rank_correlation': (0.3 * course * (1 - balance)).tolist(),
            'source_gini': (0.7 - 0.3 * balance + 0.05 * course).tolist(),
            'source_head_share': (0.6 + 0.05 * course).tolist(),
        },
        'summary_total': {
            'log_ratio_spread': float(1.6 * log_ratio.std() + 0.06),
            'tail_head_ratio': float(np.exp(-(1.1 - balance) / 2)),
            'ratio_rank_correlation': 0.5 * (1 - balance),
            'source_gini': 0.75 - 0.3 * balance,
            'source_head_share': 0.65,
        },
        'ratio_by_group': {
            g: np.exp(np.log(value) * course).tolist()
            for g, value in by_group(ratio, groups).items()
        },
        'ratio': ratio.tolist(),
        'ratio_total': total.tolist(),
        'pos_grad': theta.tolist(),
        'neg_grad': (theta / total).tolist(),
        'given_grad': (theta * rng.lognormal(0, 0.05, size)).tolist(),
        'source_shares': shares.tolist(),
        'source_share_by_step': {
            g: (shares[:, GROUPS.index(g)].mean() + drift * (g == 'many')).tolist()
            for g in GROUPS
            if g in groups
        },
        'matrix': make_matrix(counts, rng),
    }


def make_matrix(counts, rng, most=200):
    size = min(most, len(counts))
    rank = np.empty(len(counts), dtype=int)
    rank[np.argsort(-counts, kind='stable')] = np.arange(len(counts))
    bins = rank * size // len(counts)
    level = np.array([counts[bins == b].mean() for b in range(size)])
    values = rng.lognormal(0, 0.5, (size, size)) * level[None] * level[:, None] ** 0.3
    if size == len(counts):
        np.fill_diagonal(values, 0)
    return {'values': values.tolist(), 'bins': bins.tolist()}


def make_vectors(counts, groups, balance, rng):
    size = len(counts)
    tailness = 1 - np.log(counts) / np.log(counts.max())
    columns = {
        'own_similarity': 0.8 - (0.5 - 0.3 * balance) * tailness,
        'other_similarity': -0.05 - 0.04 * tailness,
        'norm': 2 - (1.2 - balance) * tailness,
    }
    columns = {k: v + rng.normal(0, 0.03, size) for k, v in columns.items()}
    means = {k: by_group(v, groups) for k, v in columns.items()}
    return {
        'split': 'test',
        'num_samples': 10 * size,
        **{k: v.tolist() for k, v in columns.items()},
        'bias': None,
        'groups': {g: {k: means[k][g] for k in means} for g in GROUPS if g in groups},
    }


def make_predictions(counts, groups, balance, rng, tau=1.5):
    size = len(counts)
    tailness = 1 - np.log(counts) / np.log(counts.max())
    strengths = np.linspace(0, 2.5, 11)
    curve = [
        make_outcome(tailness, groups, balance + (1 - balance) * t / 3, rng)['metrics']
        for t in strengths
    ]
    return {
        'num_samples': 10 * size,
        'support': [10 if size < 1000 else 3] * size,
        'tau': tau,
        'raw': make_outcome(tailness, groups, balance, rng),
        'rebalanced': make_outcome(tailness, groups, 0.4 + 0.6 * balance, rng),
        'tau_curve': {
            'tau': strengths.tolist(),
            **{
                k: [point[k] for point in curve]
                for k in ('top1', 'class_mean', *GROUPS)
                if k in curve[0]
            },
        },
    }


def make_outcome(tailness, groups, balance, rng):
    size = len(tailness)
    level = 92 - (85 - 55 * balance) * tailness - 12 * balance * (1 - tailness)
    samples = 10 if size < 1000 else 3
    hits = rng.binomial(samples, np.clip(level / 100, 0, 1))
    accuracy = 100 * hits / samples
    mass = np.exp((1 - balance) * 2.2 * (0.45 - tailness) + rng.normal(0, 0.15, size))
    mean = float(accuracy.mean())
    present = [g for g in GROUPS if g in groups]
    accuracies = by_group(accuracy, groups)
    return {
        'metrics': {
            'top1': mean,
            **accuracies,
            'class_mean': mean,
            'worst_class': float(accuracy.min()),
            'ece': 14 - 8 * balance,
        },
        'class_accuracy': accuracy.tolist(),
        'class_mass': (mass * size / mass.sum()).tolist(),
        'confusion': {'groups': present, 'values': make_confusion(accuracies, present)},
        'class_confusions': make_takers(accuracy, samples, rng),
        'reliability': make_reliability(size, balance, rng),
    }


def make_takers(accuracy, samples, rng, most=3):
    """The wrong images of each class go to random others."""
    size = len(accuracy)
    target = np.repeat(np.arange(size), samples)
    wrong = np.tile(np.arange(samples), size) >= np.repeat(
        (accuracy * samples / 100).round(), samples
    )
    other = (target + rng.integers(1, 1 + min(most, size - 1), len(target))) % size
    return class_confusions(target, np.where(wrong, other, target), size)


def make_confusion(accuracies, present):
    values = np.zeros((len(present), len(present)))
    for row, group in enumerate(present):
        values[row, row] = 40 + 0.6 * accuracies[group]
        values[row, 0] += 0.7 * (100 - values[row, row])
        values[row] *= 100 / values[row].sum() if len(present) == 1 else 1
        values[row, -1] += 100 - values[row].sum()
    return values.tolist()


def make_reliability(size, balance, rng, bins=15):
    confidence = (np.arange(bins) + 0.5) / bins
    accuracy = confidence ** (1.6 - 0.5 * balance)
    count = (4 * size * confidence**2).astype(int)
    empty = count == 0
    return {
        'confidence': np.where(empty, None, confidence).tolist(),
        'accuracy': np.where(empty, None, accuracy).tolist(),
        'count': count.tolist(),
    }
