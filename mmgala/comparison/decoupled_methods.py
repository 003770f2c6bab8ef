"""Methods that re-train or adjust the classifier of a finished training."""

from mmgala.comparison.method import Method, Setting, loss_config

DECOUPLING_PAPER = 'Kang et al., ICLR 2020, arXiv 1910.09217'
KANG_CONFIG = (
    "authors' config of ImageNet-LT (facebookresearch/classifier-balancing); cosine by "
    'epoch'
)
SMALL_SETS = 'the same config; on small sets, enough epochs for 500 steps, ours'
CLASS_BALANCED_SAMPLING = Setting(dict(sampling='class'), "as the authors'")
SAMPLING_BY_LOSS = Setting(
    dict(sampling='class'),
    "as the authors'; instance with a loss that corrects for the class counts, ours",
)
CACHED = 'features are computed once, so without augmentation'

DECOUPLED = (
    Method(
        'crt',
        f'classifier re-training, {DECOUPLING_PAPER}',
        start='ce',
        retraining=dict(
            method='crt', init='new', lr=0.2, batch_size=512, weight_decay=5e-4
        ),
        defaults=(
            Setting(
                dict(init='new', lr=0.2, batch_size=512, weight_decay=5e-4),
                KANG_CONFIG,
            ),
            Setting(dict(epochs=10), SMALL_SETS),
            SAMPLING_BY_LOSS,
        ),
        differences=f'{CACHED}; theirs updates the statistics of BatchNorm',
    ),
    Method(
        'lws',
        f'learnable weight scaling, {DECOUPLING_PAPER}',
        start='ce',
        retraining=dict(method='lws', lr=0.2, batch_size=512, weight_decay=5e-4),
        defaults=(
            Setting(
                dict(lr=0.2, batch_size=512, weight_decay=5e-4),
                KANG_CONFIG,
            ),
            Setting(dict(epochs=5), SMALL_SETS),
            SAMPLING_BY_LOSS,
        ),
        differences=f'{CACHED}; theirs updates the statistics of BatchNorm',
    ),
    Method(
        'tau-norm',
        f'tau-normalised classifier, {DECOUPLING_PAPER}',
        start='ce',
        retraining=dict(method='tau-norm'),
        defaults=(
            Setting(
                dict(tau='0, 0.1, ..., 2'),
                "authors' script (facebookresearch/classifier-balancing); the best on "
                'the validation set',
            ),
        ),
    ),
    Method(
        'ncm',
        f'nearest class mean, {DECOUPLING_PAPER}',
        start='ce',
        retraining=dict(method='ncm', distance='cl2n'),
        defaults=(
            Setting(
                dict(distance='cl2n'),
                "authors' command (facebookresearch/classifier-balancing): features "
                'centred and normalised, Euclidean distance',
            ),
        ),
        alternatives=(
            Setting(
                dict(distance='cosine'),
                'text of the paper; on unchanged features, ours',
            ),
            Setting(
                dict(distance='euclidean'),
                'unchanged features, an option of their code',
            ),
        ),
    ),
    Method(
        'las',
        'label-aware smoothing in a second stage, Zhong et al., CVPR 2021, '
        'arXiv 2104.00466',
        start='ce',
        retraining=dict(
            method='crt',
            init='trained',
            loss=loss_config(
                'LabelAwareSmoothingLoss', smooth_head=0.3, smooth_tail=0.0
            ),
            lr=0.05,
            batch_size=128,
            weight_decay=2e-4,
        ),
        defaults=(
            Setting(
                dict(
                    smooth_head=0.3,
                    smooth_tail=0.0,
                    lr=0.05,
                    init='trained',
                    batch_size=128,
                    weight_decay=2e-4,
                ),
                "authors' config of CIFAR10-LT, factor 100 (dvlab-research/MiSLAS); "
                'cosine by epoch',
            ),
            Setting(dict(epochs=10), SMALL_SETS),
            CLASS_BALANCED_SAMPLING,
        ),
        alternatives=(
            Setting(
                dict(smooth_head=0.4, smooth_tail=0.1, lr=0.02),
                "authors' config of CIFAR100-LT, factor 100, which also updates the "
                'statistics of BatchNorm',
            ),
        ),
        differences='no mixup in the first stage, where theirs has alpha=1; no '
        f'learnable weight scaling in the second; {CACHED}',
    ),  # fmt: skip
    Method(
        'los',
        'label over-smoothing in a second stage, without class counts, Sun et al., '
        'ICLR 2025',
        start='ce',
        retraining=dict(
            method='crt',
            init='trained',
            loss=dict(type='LabelSmoothLoss', label_smooth_val=0.98),
            sampling='instance',
            epochs=20,
            lr=5e-4,
            batch_size=64,
            weight_decay=5e-4,
        ),
        defaults=(
            Setting(
                dict(label_smooth_val=0.98, epochs=20, lr=5e-4, sampling='instance'),
                'paper',
            ),
            Setting(dict(init='trained', batch_size=64, weight_decay=5e-4), 'ours'),
        ),
        alternatives=(
            Setting(
                dict(lr=0.1, epochs=100),
                'ours, for a few hundred images, where those of the paper change '
                'nothing',
            ),
        ),
        differences=f'their first stage has a regularised backbone; {CACHED}',
    ),  # fmt: skip
    Method(
        'gcl',
        'Gaussian clouded logits, both stages, Li et al., CVPR 2022, arXiv 2305.11733',
        start='gcl-one-stage',
        retraining=dict(
            method='crt',
            init='trained',
            loss=loss_config(
                'GCLLoss', noise_scale=0.5, margin=0.1, scale=20.0, gamma=1.0
            ),
            epochs=30,
            lr=0.004,
            batch_size=64,
            weight_decay=2e-4,
        ),
        defaults=(
            Setting(
                dict(
                    noise_scale=0.5,
                    margin=0.1,
                    scale=20.0,
                    gamma=1.0,
                    init='trained',
                    epochs=30,
                    lr=0.004,
                    batch_size=64,
                    weight_decay=2e-4,
                ),
                "second stage of the authors' script (Keke921/GCLLoss), CIFAR10-LT; "
                'cosine by epoch',
            ),
            CLASS_BALANCED_SAMPLING,
        ),
        differences=f'no mixup in either stage, where theirs has alpha=1; {CACHED}',
    ),  # fmt: skip
)
