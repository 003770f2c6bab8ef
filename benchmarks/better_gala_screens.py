"""What ``better_gala.py`` screens: data sets, references and candidates."""

from dataclasses import dataclass

BASELINE = 'balanced-softmax'


@dataclass(frozen=True)
class Screen:
    """A data set that candidates are screened on.

    Attributes:
        config: of cross-entropy, below ``configs/cross_entropy``.
        epochs: length of a run.
        data_root: folder of the images; empty for a set that comes with a package.
        cifar_images: what a CIFAR set is validated on: ``'held-out'`` training images,
            or those that the long-tailed subset leaves out (``'left-out'``). The
            published schedule is shortened to the epochs. Other sets have a validation
            set.
        continues: weights in benchmarks/results that the training starts from, see
            ``continue_training`` in cifar100_configs.py; if empty, it starts anew.
        fast: whether to train in bfloat16 with channels-last memory.
        methods: those that are run; if empty, all.
    """

    config: str
    epochs: int
    data_root: str = ''
    cifar_images: str = ''
    continues: str = ''
    fast: bool = False
    methods: tuple[str, ...] = ()


SCREENS = {
    'cifar100': Screen(
        'resnet32_cifar100-lt-if100', 40, 'data/cifar100', 'held-out', fast=True
    ),
    'cifar100-long': Screen(
        'resnet32_cifar100-lt-if100',
        200,
        'data/cifar100',
        'left-out',
        fast=True,
        methods=(
            BASELINE,
            'gala',
            'margin3-cosine15',
            'margin3-1.5-cosine15',
            'counts-cosine15',
            'squared4-1.5-cosine15',
            'lead4-1.5-cosine15',
        ),
    ),
    'cifar100-continued': Screen(
        'resnet32_cifar100-lt-if100',
        20,
        'data/cifar100',
        'left-out',
        'cifar100_lt/gala_if100_seed0.pth',
        fast=True,
        methods=(
            BASELINE,
            'margin3-1.5-cosine15',
            'counts-cosine15',
            'fit3-cosine15',
            'fit3-1.5-cosine15',
            'lead3-1.5-cosine15',
            'lead4-1.5-cosine15',
            'squared4-1.5-cosine15',
            'margin3-cosine15',
        ),
    ),
    'fashion-mnist': Screen(
        'plain-conv-net_fashion-mnist-lt', 15, 'data/fashion_mnist'
    ),
    'fashion-pairs': Screen(
        'plain-conv-net_fashion-pairs-lt', 20, 'data/fashion_mnist'
    ),
    'digits': Screen('resnet14_digits-lt', 40),
    'plankton': Screen('resnet18_plankton', 20, 'data/plankton', fast=True),
}
REFERENCES = (
    BASELINE,
    'gala',
    'ldam-drw',
    'counts-seen',
    'ce',
    'gala-counts',
    'learnt-prior',
    'gala-cosine10',
    'balanced-softmax-cosine',
)
SETTINGS = {'gala-counts': 'gala-counts:count_share=0.5'}
CANDIDATES = (
    'smoothed-0.1',
    'residual-0.5',
    'residual-smoothed-0.1',
    'uniform-smoothed-0.1',
    'signed-0.25',
    'counts-1.25',
    'residual-1',
    'residual-counts-1.25',
    'residual-raw-0.5',
    'counts-deferred',
    'marginal-1',
    'signed-0.5',
    'margin-cosine',
    'margin-1',
    'margin-deferred-1',
    'margin-cosine-deferred',
    'balance-0.5',
    'margin3-1.5-cosine15',
    'margin3-cosine15',
    'counts-1.5-cosine15',
    'counts-cosine15',
    'margin4-1.5-cosine20',
    'margin2-cosine10',
    'margin3-cosine10',
    'margin5-cosine10',
    'margin3-1.5-cosine10',
    'counts-cosine10',
    'margin15-2-cosine30',
    'margin15-3-cosine30',
    'fit3-cosine15',
    'fit3-1.5-cosine15',
    'lead3-1.5-cosine15',
    'lead4-1.5-cosine15',
    'squared4-1.5-cosine15',
)
# More than a point behind balanced softmax in their first run: no second seed.
STOPPED = {
    'cifar100': (
        'margin-1',
        'margin-deferred-1',
        'margin-cosine-deferred',
        'balance-0.5',
    )
}
