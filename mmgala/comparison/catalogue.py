"""The methods that can be compared: what each changes, and where it is from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

COSINE = dict(type='mmgala.CosineClsHead')
GALA = 'Zhang et al., ICASSP 2024, arXiv 2403.09036'


@dataclass(frozen=True)
class Method:
    """What is changed in a config, and nothing else is.

    Attributes:
        name: in tables.
        source: where it is from.
        loss: config of the loss; ``num_classes`` is filled in where it takes it.
        head: type and arguments instead of a linear head; other heads stay.
        custom_hooks: added to those of the config.
        needs_counts: whether it uses the class counts of the training set.
        settings: arguments of loss, head or hooks that the user gave.
        start: method whose finished training it starts from.
        retraining: settings of :func:`mmgala.retraining.retrain_classifier`.
    """

    name: str
    source: str
    loss: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    custom_hooks: Sequence[Mapping[str, Any]] = ()
    needs_counts: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    retraining: Mapping[str, Any] = field(default_factory=dict)


def _loss(name: str, **arguments: Any) -> dict[str, Any]:
    return dict(type=f'mmgala.{name}', **arguments)


CATALOGUE = {
    method.name: method
    for method in (
        Method('ce', 'cross-entropy', dict(type='CrossEntropyLoss')),
        Method('gala', GALA, _loss('GALALoss'), dict(type='mmgala.GALAHead')),
        Method(
            'gala-official',
            f"{GALA}, as the authors' code has it",
            _loss('GALALoss', variant='official'),
            dict(type='mmgala.GALAHead'),
        ),
        Method(
            'balanced-softmax',
            'Ren et al., NeurIPS 2020, arXiv 2007.10740',
            _loss('BalancedSoftmaxLoss'),
            needs_counts=True,
        ),
        Method(
            'logit-adjustment',
            'Menon et al., ICLR 2021, arXiv 2007.07314',
            _loss('LogitAdjustmentLoss'),
            needs_counts=True,
        ),
        Method(
            'ldam',
            'Cao et al., NeurIPS 2019, arXiv 1906.07413',
            _loss('LDAMLoss'),
            COSINE,
            needs_counts=True,
        ),
        Method(
            'ldam-drw',
            'Cao et al., NeurIPS 2019, arXiv 1906.07413',
            _loss('LDAMLoss'),
            COSINE,
            (dict(type='mmgala.DeferredReweightingHook'),),
            needs_counts=True,
        ),
        Method(
            'cb-ce',
            'Cui et al., CVPR 2019, arXiv 1901.05555',
            _loss('ClassBalancedLoss'),
            needs_counts=True,
        ),
        Method(
            'cb-focal',
            'Cui et al., CVPR 2019, arXiv 1901.05555',
            _loss('ClassBalancedFocalLoss'),
            needs_counts=True,
        ),
        Method(
            'eql',
            'Tan et al., CVPR 2020, arXiv 2003.05176',
            _loss('EqualizationLoss'),
            needs_counts=True,
        ),
        Method(
            'seesaw',
            'Wang et al., CVPR 2021, arXiv 2008.10032',
            _loss('SeesawLoss'),
        ),
        Method(
            'gcl',
            'Li et al., CVPR 2022, arXiv 2305.11733',
            _loss('GCLLoss'),
            COSINE,
            needs_counts=True,
        ),
        Method(
            'las',
            'label-aware smoothing, Zhong et al., CVPR 2021, arXiv 2104.00466',
            _loss('LabelAwareSmoothingLoss'),
            needs_counts=True,
        ),
        Method(
            'vs',
            'vector scaling, Kini et al., NeurIPS 2021, arXiv 2103.01550',
            _loss('VectorScalingLoss'),
            needs_counts=True,
        ),
        Method(
            'cosine',
            'cross-entropy on a cosine classifier',
            dict(type='CrossEntropyLoss'),
            COSINE,
        ),
        *(
            Method(
                name,
                f'{what}, Kang et al., ICLR 2020, arXiv 1910.09217',
                start='ce',
                retraining=dict(method=name),
            )
            for name, what in {
                'crt': 'classifier re-training',
                'lws': 'learnable weight scaling',
                'tau-norm': 'tau-normalised classifier',
                'ncm': 'nearest class mean',
            }.items()
        ),
    )
}
