# Variants of GALA for `tools/compare.py --methods-file`. The losses are in variants.py,
# candidates.py and rivals.py, so PYTHONPATH must contain the root of the repository.
custom_imports = dict(
    imports=[
        'projects.gala_study.variants',
        'projects.gala_study.candidates',
        'projects.gala_study.rivals',
    ],
    allow_failed_imports=False,
)


def _variant(**settings):
    return dict(
        head=dict(type='mmgala.GALAHead'),
        loss=dict(type='mmgala.StudiedGALALoss', **settings),
    )


def _on_cosines(loss):
    return dict(
        head=dict(type='mmgala.CosineClsHead'), loss=dict(type=f'mmgala.{loss}')
    )


def _candidate(head='GALAHead', **settings):
    return dict(
        head=dict(type=f'mmgala.{head}'),
        loss=dict(type='mmgala.CandidateLoss', **settings),
        custom_hooks=[dict(type='mmgala.CandidateScheduleHook')],
    )


def _scaled(scale, loss='CandidateLoss', **settings):
    # On cosines times a scale: the largest lead of a label is about the scale.
    return dict(
        head=dict(type='mmgala.CosineClsHead', scale=scale),
        loss=dict(type=f'mmgala.{loss}', **settings),
    )


_COSINE_MARGIN = dict(head='CosineClsHead', kappa=15.0)  # half the scale, as in LDAM

methods = {
    'gala-double-sum': _variant(double_sum=True),
    'gala-decay': _variant(decay=0.999),
    'gala-skip': _variant(skip_steps=194),
    # These names are older than the option `count_share` of GALALoss.
    'gala-counts': _variant(count_share=0.5),
    'counts-seen': _variant(count_share=1.0),
    # These separate the effect of a loss from that of a head.
    'gala-cosine': _on_cosines('GALALoss'),
    'balanced-softmax-cosine': _on_cosines('BalancedSoftmaxLoss'),
    # A rival without counts: a log-prior that is learnt beside the classifier.
    'learnt-prior': dict(
        head=dict(type='mmgala.PriorEstimatorHead'),
        loss=dict(type='CrossEntropyLoss'),
    ),
    # Candidates for a better GALA; `benchmarks/better_gala.py` screens them.
    'signed-0.25': _candidate(mu=0.25),
    'signed-0.5': _candidate(mu=0.5),
    'residual-0.5': _candidate(mu=0.5, difficulty='residual'),
    'residual-1': _candidate(mu=1.0, difficulty='residual'),
    'residual-counts-1.25': _candidate(mu=0.5, difficulty='residual', tau=1.25),
    'residual-raw-0.5': _candidate(
        mu=0.5, difficulty='residual', raw_errors=True, forgetting=0.001
    ),
    'margin-1': _candidate(kappa=1.0),
    'margin-deferred-1': _candidate(kappa=1.0, begin=0.8),
    'margin-cosine': _candidate(**_COSINE_MARGIN),
    'margin-cosine-deferred': _candidate(**_COSINE_MARGIN, begin=0.8),
    'counts-deferred': _candidate(begin=0.8),
    'marginal-1': _candidate(rho=1.0),
    'balance-0.5': _candidate(rho=0.5, feedback='balance'),
    'smoothed-0.1': _candidate(smoothing=0.1),
    'residual-smoothed-0.1': _candidate(mu=0.5, difficulty='residual', smoothing=0.1),
    # Not a candidate, but what smoothing by the prior must exceed: that without it.
    'uniform-smoothed-0.1': _candidate(smoothing=0.1, uniform_smoothing=True),
    # A smaller scale of the cosines than LDAM's 30, with a margin in proportion.
    'counts-cosine10': _scaled(10.0),
    'counts-cosine15': _scaled(15.0),
    'counts-1.5-cosine15': _scaled(15.0, tau=1.5),
    'gala-cosine10': _scaled(10.0, loss='GALALoss'),
    'margin2-cosine10': _scaled(10.0, kappa=2.0),
    'margin3-cosine10': _scaled(10.0, kappa=3.0),
    'margin5-cosine10': _scaled(10.0, kappa=5.0),
    'margin3-1.5-cosine10': _scaled(10.0, kappa=3.0, tau=1.5),
    'margin3-cosine15': _scaled(15.0, kappa=3.0),
    'margin3-1.5-cosine15': _scaled(15.0, kappa=3.0, tau=1.5),
    'margin4-1.5-cosine20': _scaled(20.0, kappa=4.0, tau=1.5),
    'margin15-2-cosine30': _scaled(30.0, kappa=15.0, tau=2.0),
    'margin15-3-cosine30': _scaled(30.0, kappa=15.0, tau=3.0),
    'counts-cosine30': _scaled(30.0),
    'margin3-cosine30': _scaled(30.0, kappa=3.0),
    # What exceeds balanced softmax grows with the fit to the training images.
    'fit3-cosine15': _scaled(15.0, kappa=3.0, fit_memory=10.0),
    'fit3-1.5-cosine15': _scaled(15.0, kappa=3.0, tau=1.5, fit_memory=10.0),
    'lead3-1.5-cosine15': _scaled(
        15.0, kappa=3.0, tau=1.5, fit_memory=10.0, fit='lead'
    ),
    'lead4-1.5-cosine15': _scaled(
        15.0, kappa=4.0, tau=1.5, fit_memory=10.0, fit='lead'
    ),
    'squared4-1.5-cosine15': _scaled(
        15.0, kappa=4.0, tau=1.5, fit_memory=10.0, fit='squared'
    ),
    # Not a candidate, but what signed difficulty must exceed: counts alone, as strong.
    'counts-1.25': _candidate(tau=1.25),
}
