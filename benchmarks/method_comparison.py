"""Compare methods on small long-tailed data sets, and variants of GALA.

Each data set is one call of tools/compare.py, which continues where it was interrupted:

    python benchmarks/method_comparison.py              # all, hours on 2 cores
    python benchmarks/method_comparison.py digits-lt    # one of them

The table, numbers and plot of each go to benchmarks/results/compare_*.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / 'benchmarks' / 'results'
FASHION = 'configs/cross_entropy/plain-conv-net_fashion-mnist-lt.py'
PAIRS = 'configs/cross_entropy/plain-conv-net_fashion-pairs-lt.py'
DIGITS = 'configs/cross_entropy/resnet14_digits-lt.py'
PLANKTON = 'configs/cross_entropy/resnet18_plankton.py'
FAST = ('--amp', '--channels-last')
TRAINING_PRIOR = ('--target-prior', 'train', '--only-report')
ADJUSTED = ('logit-adjustment', 'rebalancing')
FACTOR = 'train_dataloader.dataset.imbalance_factor={}'
# Defaults are the authors' settings for ten classes, of CIFAR10-LT.
TRAINED = [
    *('ce', 'gala', 'gala-official', 'gala-margin', 'balanced-softmax', 'ldam-drw'),
    *('cb-ce', 'cb-focal', 'seesaw', 'gcl-one-stage', 'las-one-stage', 'vs', 'cosine'),
]
FEWER = [
    *('ce', 'gala', 'gala-margin', 'balanced-softmax', 'ldam-drw', 'cb-ce'),
    *('seesaw', 'gcl-one-stage', 'vs', 'gcl'),
]
AFTERWARDS = ['crt', 'lws', 'tau-norm', 'ncm', 'las', 'gcl']
# FashionPairs-LT has as many classes and images per class as CIFAR100-LT with imbalance
# factor 100, so it uses the settings that the authors publish for that.
HUNDRED_CLASSES = {
    'cb-ce': 'cb-ce:beta=0.9',
    'cb-focal': 'cb-focal:beta=0.9',
    'las-one-stage': 'las-one-stage:smooth_head=0.4,smooth_tail=0.1',
    'vs': 'vs:gamma=0.05,tau=0.75',
    'las': 'las:smooth_head=0.4,smooth_tail=0.1,lr=0.02',
}
# Methods for a naturally long-tailed data set.
NATURAL = [
    *('ce', 'gala', 'gala-official', 'gala-margin', 'balanced-softmax', 'ldam-drw'),
    *('seesaw', 'crt', 'lws', 'tau-norm', 'ncm'),
]
STUDY = [
    *('gala', 'balanced-softmax'),
    *(f'gala:lambda_pos={x},lambda_neg={x}' for x in (0.5, 2)),
    'gala-decay:decay=0.999',
    *('gala-counts:count_share=0.5', 'counts-seen'),
    *('gala:eps=100', 'gala-cosine', 'balanced-softmax-cosine'),
]
MORE_STUDY = [
    *('gala:lambda_pos=3,lambda_neg=3', 'gala-double-sum'),
    *('gala-skip:skip_steps=194', 'gala-skip:skip_steps=970'),
]

FEWER_STUDY = [
    *('gala', 'balanced-softmax', 'gala:lambda_pos=2,lambda_neg=2'),
    *('gala-counts:count_share=0.5', 'counts-seen', 'gala-decay:decay=0.999'),
]

# Which part of label margins helps, and rivals that need no counts.
PARTS = [
    *('balanced-softmax', 'gala-margin', 'gala-lead', 'counts-1.5-cosine15'),
    'balanced-softmax-cosine:scale=15',
]
LABEL_MARGIN = [*PARTS, 'ldam-drw', 'gala', 'ce', 'learnt-prior', 'los']

# What goes with any loss. The trainings have 360 (Digits-LT) and 3,400 steps, so the
# average of the weights covers the last 100, instead of 1,000 by default.
EMA = 'ema:momentum=0.01'
ADDITIONS = {
    'ema': (EMA,),
    'sam': ('sam',),
    'ema-sam': (EMA, 'sam'),
    'mixup': ('mixup',),
    'weight-decay': ('weight-decay',),
}
WITH_ADDITION = ['balanced-softmax', 'gala', 'gala-margin', 'gala-lead']


@dataclass(frozen=True)
class Comparison:
    """One call of tools/compare.py.

    Attributes:
        config: config that the methods are applied to.
        methods: methods as on the command line.
        seeds: number of seeds.
        options: values of ``--cfg-options``.
        study: whether the methods are variants of GALA.
        post_hoc: post-hoc steps to report in additional rows.
        flags: additional flags.
        runs: name of another comparison whose runs to report, if any.
    """

    config: str
    methods: list[str]
    seeds: int = 3
    options: tuple[str, ...] = ()
    study: bool = False
    post_hoc: tuple[str, ...] = ('rebalancing',)
    flags: tuple[str, ...] = ()
    runs: str = ''


def classes(number: int) -> tuple[str, ...]:
    """Options for fewer classes of pairs with as many images: 50,000 before cutting."""
    sizes = dict(train=50_000, val=2_500, test=5_000)
    options = [
        f'model.head.num_classes={number}',
        f'data_preprocessor.num_classes={number}',
    ]
    for split, images in sizes.items():
        inner = 'dataset.dataset' if split == 'train' else 'dataset'
        options += [
            f'{split}_dataloader.{inner}.num_classes={number}',
            f'{split}_dataloader.{inner}.pairs_per_class={images // number}',
        ]
    return tuple(options)


def eql(threshold: float) -> str:
    """EQL with a threshold that fits the class counts of the data set."""
    return f'eql:tail_threshold={threshold}'


COMPARISONS = {
    'fashion-mnist-lt_if100': Comparison(FASHION, [*TRAINED, eql(0.015), *AFTERWARDS]),
    'fashion-mnist-lt_if10': Comparison(FASHION, FEWER, options=(FACTOR.format(10),)),
    'fashion-mnist-lt_if200': Comparison(FASHION, FEWER, options=(FACTOR.format(200),)),
    'fashion-pairs-lt': Comparison(
        PAIRS,
        [HUNDRED_CLASSES.get(m, m) for m in (*TRAINED, 'eql', *AFTERWARDS)],
        seeds=2,
    ),
    'digits-lt': Comparison(DIGITS, [*TRAINED, 'gala-lead', eql(0.03), *AFTERWARDS]),
    # The test set is not balanced: post-hoc steps optimise the class mean and, in the
    # second table, top-1 on data with the class prior of the training set.
    'plankton': Comparison(PLANKTON, NATURAL, seeds=2, post_hoc=ADJUSTED, flags=FAST),
    'plankton_training-prior': Comparison(
        PLANKTON,
        NATURAL,
        seeds=2,
        post_hoc=ADJUSTED,
        flags=(*FAST, *TRAINING_PRIOR),
        runs='plankton',
    ),
    # The third seed, of the methods that label margins are judged by.
    'plankton_seed2': Comparison(
        PLANKTON,
        ['balanced-softmax', 'gala-margin', 'gala', 'ldam-drw'],
        seeds=1,
        post_hoc=ADJUSTED,
        flags=(*FAST, '--first-seed', '2'),
    ),
    **{
        f'label-margin_{name}': Comparison(config, LABEL_MARGIN, study=True)
        for name, config in (('digits-lt', DIGITS), ('fashion-pairs-lt', PAIRS))
    },
    'label-margin_fashion-mnist-lt_if100': Comparison(FASHION, PARTS, study=True),
    # It is newer than the comparisons with the same seeds on these sets.
    **{
        f'gala-lead_fashion-mnist-lt_if{factor}': Comparison(
            FASHION, ['gala-lead'], options=(FACTOR.format(factor),)
        )
        for factor in (10, 100, 200)
    },
    'gala-lead_plankton': Comparison(
        PLANKTON, ['gala-lead'], post_hoc=ADJUSTED, flags=FAST
    ),
    'gala-lead_plankton_training-prior': Comparison(
        PLANKTON,
        ['gala-lead'],
        post_hoc=ADJUSTED,
        flags=(*FAST, *TRAINING_PRIOR),
        runs='gala-lead_plankton',
    ),
    # Where cosines and margins cost calibration: what a fitted temperature makes of it.
    'temperature_fashion-mnist-lt_if100': Comparison(
        FASHION,
        ['balanced-softmax', 'gala-lead'],
        options=(FACTOR.format(100),),
        post_hoc=('temperature', 'rebalancing', 'rebalancing+temperature'),
    ),
    **{
        f'with-{addition}_{name}': Comparison(
            config, WITH_ADDITION, flags=('--with', *additions)
        )
        for name, config in (('digits-lt', DIGITS), ('fashion-pairs-lt', PAIRS))
        for addition, additions in ADDITIONS.items()
    },
    'gala-study_fashion-mnist-lt': Comparison(
        FASHION, [*STUDY, *MORE_STUDY], seeds=2, study=True
    ),
    'gala-study_fashion-pairs-lt': Comparison(PAIRS, FEWER_STUDY, seeds=2, study=True),
    **{
        f'gala-study_{number}-classes': Comparison(
            PAIRS,
            ['ce', 'gala', 'balanced-softmax', 'gala-counts'],
            seeds=2,
            options=classes(number),
            study=True,
        )
        for number in (10, 30)
    },
}


def compare(name: str, work_dir: Path) -> int:
    """Run one comparison and store its results; return the exit code."""
    plan = COMPARISONS[name]
    folder = work_dir / (plan.runs or name)
    command = [
        sys.executable, 'tools/compare.py', plan.config,
        '--methods', *plan.methods,
        '--seeds', str(plan.seeds),
        '--post-hoc', *plan.post_hoc,
        '--work-dir', str(folder),
        *plan.flags,
    ]  # fmt: skip
    if plan.study:
        command += ['--methods-file', 'projects/gala_study/methods.py']
    if plan.options:
        command += ['--cfg-options', *plan.options]
    # For projects/gala_study/variants.py, which the study's methods import.
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    before = time.time_ns()
    code = subprocess.run(
        command, cwd=ROOT, env={**os.environ, 'PYTHONPATH': paths}
    ).returncode
    for suffix, found in (
        ('.json', 'results.json'), ('.md', 'results.md'), ('.png', 'head_vs_tail.png')
    ):  # fmt: skip
        path = folder / found
        # Some results are written though a run failed; older files are of another call.
        if path.is_file() and path.stat().st_mtime_ns >= before:
            shutil.copyfile(path, RESULTS / f'compare_{name}{suffix}')
    return code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'names', nargs='*', metavar='SET', help=f'some of {", ".join(COMPARISONS)}'
    )
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs' / 'compare')
    args = parser.parse_args()
    if unknown := set(args.names) - set(COMPARISONS):
        parser.error(f'unknown: {", ".join(sorted(unknown))}')
    codes = [compare(name, args.work_dir) for name in args.names or COMPARISONS]
    sys.exit(max(codes))


if __name__ == '__main__':
    main()
