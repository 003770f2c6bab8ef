"""Methods that consist of a single training: a loss, with its head and hooks."""

from mmgala.comparison.method import Method, Setting, loss_config

COSINE_HEAD = dict(type='mmgala.CosineClsHead')
GALA_PAPER = 'Zhang et al., ICASSP 2024, arXiv 2403.09036'
LDAM_PAPER = 'Cao et al., NeurIPS 2019, arXiv 1906.07413'
CLASS_BALANCED_PAPER = 'Cui et al., CVPR 2019, arXiv 1901.05555'
LDAM_SETTINGS = (
    Setting(
        dict(max_margin=0.5, scale=30.0), "authors' script (kaidic/LDAM-DRW), CIFAR-LT"
    ),
)

JOINT = (
    Method('ce', 'cross-entropy', dict(type='CrossEntropyLoss')),
    Method(
        'gala',
        GALA_PAPER,
        loss_config('GALALoss'),
        dict(type='mmgala.GALAHead'),
        defaults=(
            Setting(dict(lambda_pos=1.0, lambda_neg=1.0), "authors' configs"),
            Setting(dict(eps=1e-3), "authors' code"),
        ),
        alternatives=(
            Setting(
                dict(lambda_pos=1.2, lambda_neg=0.9),
                "authors' configs of CIFAR100-LT, for re-balancing after training",
            ),
        ),
    ),
    Method(
        'gala-official',
        f"{GALA_PAPER}, as in the authors' code",
        loss_config('GALALoss', variant='official'),
        dict(type='mmgala.GALAHead'),
        defaults=(
            Setting(dict(lambda_pos=1.0), "authors' configs; lambda_neg has no effect"),
            Setting(dict(eps=1e-3), "authors' code"),
        ),
        alternatives=(
            Setting(
                dict(lambda_pos=1.2),
                "authors' configs of CIFAR100-LT, for re-balancing after training",
            ),
        ),
    ),
    Method(
        'gala-margin',
        "GALA's statistics in another form, not in the paper: docs/better_gala.md",
        loss_config(
            'GALALoss',
            lambda_pos=1.5,
            lambda_neg=1.5,
            count_share=1.0,
            label_margin=3.0,
        ),
        dict(type='mmgala.CosineClsHead', scale=15.0),
        defaults=(
            Setting(
                dict(lambda_pos=1.5, lambda_neg=1.5, count_share=1.0, label_margin=3.0),
                'ours, chosen on validation images of two data sets',
            ),
            Setting(dict(scale=15.0), 'ours, of the cosines; likewise'),
            Setting(dict(eps=1e-3), "authors' code"),
        ),
    ),  # fmt: skip
    Method(
        'gala-lead',
        'gala-margin, with margins that grow with the lead of the labels in training: '
        'docs/better_gala.md',
        loss_config(
            'GALALoss',
            lambda_pos=1.5,
            lambda_neg=1.5,
            count_share=1.0,
            label_margin=4.0,
            lead_memory=10.0,
        ),
        dict(type='mmgala.CosineClsHead', scale=15.0),
        defaults=(
            Setting(
                dict(
                    lambda_pos=1.5,
                    lambda_neg=1.5,
                    count_share=1.0,
                    label_margin=4.0,
                    lead_memory=10.0,
                ),
                'ours, chosen on validation images of five data sets',
            ),
            Setting(dict(scale=15.0), 'ours, of the cosines; likewise'),
            Setting(dict(eps=1e-3), "authors' code"),
        ),
    ),
    Method(
        'balanced-softmax',
        'Ren et al., NeurIPS 2020, arXiv 2007.10740; it has no settings',
        loss_config('BalancedSoftmaxLoss'),
        needs_counts=True,
    ),
    Method(
        'logit-adjustment',
        'Menon et al., ICLR 2021, arXiv 2007.07314',
        loss_config('LogitAdjustmentLoss'),
        needs_counts=True,
        defaults=(
            Setting(dict(tau=1.0), "paper, and the default of the authors' script"),
        ),
    ),
    Method(
        'ldam',
        f'{LDAM_PAPER}, without re-weighting',
        loss_config('LDAMLoss'),
        COSINE_HEAD,
        needs_counts=True,
        defaults=LDAM_SETTINGS,
    ),
    Method(
        'ldam-drw',
        LDAM_PAPER,
        loss_config('LDAMLoss'),
        COSINE_HEAD,
        (dict(type='mmgala.DeferredReweightingHook'),),
        needs_counts=True,
        defaults=(
            *LDAM_SETTINGS,
            Setting(
                dict(begin=0.8, beta=0.9999),
                "authors' script, from epoch 160 of 200",
            ),
        ),
        differences='weights have a mean of 1 over the training set, not over a batch',
    ),
    Method(
        'cb-ce',
        CLASS_BALANCED_PAPER,
        loss_config('ClassBalancedLoss'),
        needs_counts=True,
        defaults=(
            Setting(
                dict(beta=0.9999),
                "authors' script (richardaecn/class-balanced-loss), and table 2 of "
                'their paper for CIFAR10-LT',
            ),
        ),
        alternatives=(
            Setting(
                dict(beta=0.9),
                'table 2 for CIFAR100-LT, factor 100, with the focal loss',
            ),
        ),
    ),
    Method(
        'cb-focal',
        CLASS_BALANCED_PAPER,
        loss_config('ClassBalancedFocalLoss', beta=0.9999, gamma=1.0),
        dict(type='mmgala.GALAHead'),
        no_weight_decay=('head.fc.bias',),
        needs_counts=True,
        defaults=(
            Setting(
                dict(beta=0.9999, gamma=1.0),
                "authors' script (richardaecn/class-balanced-loss), and table 2 of "
                'their paper for CIFAR10-LT, factor 100',
            ),
            Setting(
                dict(initial_bias='-log(C - 1)'),
                "authors' code; no weight decay on the bias of the classifier",
            ),
        ),
        alternatives=(Setting(dict(beta=0.9), 'table 2 for CIFAR100-LT, factor 100'),),
    ),
    Method(
        'eql',
        'softmax equalization loss, Tan et al., CVPR 2020, arXiv 2003.05176',
        loss_config('EqualizationLoss'),
        needs_counts=True,
        defaults=(
            Setting(
                dict(ignore_prob=0.9, tail_threshold=5e-3),
                'public code for CIFAR100-LT '
                '(jiawei-ren/BalancedMetaSoftmax-Classification); a threshold fits one '
                'data set',
            ),
        ),
    ),
    Method(
        'seesaw',
        'Wang et al., CVPR 2021, arXiv 2008.10032',
        loss_config('SeesawLoss'),
        defaults=(Setting(dict(p=0.8, q=2.0, eps=1e-2), "paper, and authors' code"),),
        differences='a linear classifier; that of their LVIS configs is normalised, '
        'with temperature 20',
    ),
    Method(
        'gcl-one-stage',
        'Gaussian clouded logits, the first of two stages, Li et al., CVPR 2022, '
        'arXiv 2305.11733',
        loss_config('GCLLoss'),
        COSINE_HEAD,
        needs_counts=True,
        defaults=(
            Setting(
                dict(noise_scale=0.5, margin=0.0, scale=30.0, gamma=0.0),
                "authors' script (Keke921/GCLLoss), CIFAR-LT",
            ),
        ),
        differences='no mixup, where theirs has alpha=1',
    ),
    Method(
        'las-one-stage',
        'label-aware smoothing from the start, without the two stages of its authors: '
        'ours; see las for theirs',
        loss_config('LabelAwareSmoothingLoss', smooth_head=0.3, smooth_tail=0.0),
        needs_counts=True,
        defaults=(
            Setting(
                dict(smooth_head=0.3, smooth_tail=0.0),
                "authors' configs of CIFAR10-LT, factor 100, for their second stage",
            ),
        ),
        alternatives=(
            Setting(
                dict(smooth_head=0.4, smooth_tail=0.1),
                "authors' config of CIFAR100-LT, factor 100, for their second stage",
            ),
        ),
    ),
    Method(
        'vs',
        'vector scaling, Kini et al., NeurIPS 2021, arXiv 2103.01550',
        loss_config('VectorScalingLoss', gamma=0.2, tau=1.2),
        needs_counts=True,
        defaults=(
            Setting(
                dict(gamma=0.2, tau=1.2),
                "authors' command for CIFAR10-LT, factor 100 (README of "
                'orparask/VS-Loss)',
            ),
        ),
        alternatives=(
            Setting(
                dict(gamma=0.05, tau=0.75),
                "later work's commands for CIFAR100-LT, factor 100 (scongl/Focal-SAM)",
            ),
        ),
    ),
    Method(
        'cosine',
        'cross-entropy on a cosine classifier',
        dict(type='CrossEntropyLoss'),
        COSINE_HEAD,
        defaults=(Setting(dict(scale=30.0), 'ours, as for LDAM and GCL'),),
    ),
)
