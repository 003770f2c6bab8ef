"""Options of the command line that run a shipped recipe on a miniature.

Each function gives what ``tests.tools.command_line.options`` takes.
"""

from types import SimpleNamespace

from tests.miniatures import COUNTS

SPLITS = ('train', 'val', 'test')
SIX = ','.join('abcdef')
assert len(COUNTS) == 6

# One residual stage of the real backbone, on images of 32 pixels.
ONE_RESIDUAL_STAGE = dict(
    model__backbone__num_stages=1,
    model__backbone__strides='(1,)',
    model__backbone__dilations='(1,)',
    model__backbone__out_indices='(0,)',
    model__head__in_channels=256,
)
# All four residual stages, thin.
THIN = dict(
    model__backbone__depth=18,
    model__backbone__stem_channels=8,
    model__backbone__base_channels=8,
    model__head__in_channels=64,
)
# CIFAR's ResNet.
NARROW = dict(
    model__backbone__depth=20,
    model__backbone__base_channels=8,
    model__head__in_channels=32,
)
SIX_CLASSES = dict(model__head__num_classes=6, data_preprocessor__num_classes=6)


def data_options(config: str, miniatures: SimpleNamespace) -> dict[str, object]:
    """Point a recipe at its miniature; of the model only the classes change."""
    if 'inaturalist' in config:  # its classes are those of the JSON file
        return {**SIX_CLASSES, **_each_split(data_root=miniatures.inaturalist)}
    if 'cifar' not in config:
        root = miniatures.imagenet if 'imagenet' in config else miniatures.places
        return {**SIX_CLASSES, **_each_split(data_root=root, classes=SIX)}
    root = miniatures.cifar100 if 'cifar100' in config else miniatures.cifar10
    changes = _each_split(data_root=root)
    inner = 'train_dataloader__dataset__dataset'  # the training set is wrapped
    return {
        **SIX_CLASSES,
        **{
            k.replace('train_dataloader__dataset', inner): v for k, v in changes.items()
        },
    }


def in_process() -> dict[str, object]:
    """No loader processes."""
    return {f'{split}_dataloader__num_workers': 0 for split in SPLITS}


def small_images(size: int = 32) -> dict[str, object]:
    """Other crop sizes in the pipelines of the large sets."""
    return {
        'train_dataloader__dataset__pipeline__4__scale': size,
        'stage1__train_dataloader__dataset__pipeline__1__scale': size,
        'val_dataloader__dataset__pipeline__1__scale': size + size // 7,
        'val_dataloader__dataset__pipeline__2__crop_size': size,
        'test_dataloader__dataset__pipeline__1__scale': size + size // 7,
        'test_dataloader__dataset__pipeline__2__crop_size': size,
    }


def epochs(stage1: int, stage2: int) -> dict[str, object]:
    """Lengths of both stages, which their schedules span."""
    return {
        'stage1__train_cfg__max_epochs': stage1,
        'train_cfg__max_epochs': stage2,
    }


def _each_split(**changes: object) -> dict[str, object]:
    return {
        f'{split}_dataloader__dataset__{key}': value
        for split in SPLITS
        for key, value in changes.items()
    }
