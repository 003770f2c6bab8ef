# Variants of GALA for `tools/compare.py --methods-file`. The losses are in variants.py,
# so PYTHONPATH must contain the root of the repository.
custom_imports = dict(
    imports=['projects.gala_study.variants'], allow_failed_imports=False
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
}
