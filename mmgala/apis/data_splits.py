"""Data splits of a config: their loaders, and whether validation data are separate."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmgala.apis.launch import set_dataloader_defaults
from mmgala.datasets.class_alignment import (
    PARTS,
    align_classes,
    report_unnamed_classes,
)

VALIDATES_ON_TEST_WARNING = """
*******************************************************************************
*  WARNING: the validation set of this config IS its test set. What is chosen *
*  on it is chosen on test data: do not report the resulting accuracy.        *
*******************************************************************************"""


def split_dataloader(cfg: Config, split: str) -> ConfigDict:
    """Return the data loader config of ``'train'``, ``'val'`` or ``'test'``.

    Raises:
        ValueError: if the config has no data loader for the split.
    """
    if cfg.get(f'{split}_dataloader') is None:
        available = [s for s in ('train', 'val', 'test') if cfg.get(f'{s}_dataloader')]
        raise ValueError(
            f'The config has no {split}_dataloader; it has those of: '
            f'{", ".join(available) or "none"}.'
        )
    return cfg[f'{split}_dataloader']


def build_whole_split(cfg: Config, split: str, classes: Sequence[str]) -> DataLoader:
    """Build a data loader that yields every sample of a split once and in order.

    Training images are not augmented: they pass through the pipeline of the test set
    or, without one, of the validation set.

    Args:
        cfg: config of a training or test, whose default scope is activated.
        split: ``'train'``, ``'val'`` or ``'test'``.
        classes: names of the training classes, from
            :func:`mmgala.utils.checkpoint_meta.stored_class_names`: labels are indices
            into them. If it is empty, labels are those of the data set.

    Raises:
        ValueError: if the config has no data loader for the split, or the split has
            samples of classes that are not in ``classes``.
    """
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    cfg = copy.deepcopy(cfg)
    loader = split_dataloader(cfg, split)
    set_dataloader_defaults(cfg)
    loader.sampler = dict(type='DefaultSampler', shuffle=False)
    loader.drop_last = False
    loader.setdefault('batch_size', 1)
    for key in ('batch_sampler', 'num_batch_per_epoch'):
        loader.pop(key, None)
    others = [cfg.get(f'{s}_dataloader') for s in ('test', 'val')]
    pipelines = [p for other in others if other for p in _pipelines(other.dataset)]
    if split == 'train' and pipelines:
        for part in _parts(loader.dataset):
            if 'pipeline' in part:
                part.pipeline = pipelines[0]
    loader = Runner.build_dataloader(loader)
    if classes:
        align_classes(loader.dataset, classes, PARTS[split])
    else:
        report_unnamed_classes(loader.dataset, PARTS[split])
    return loader


def _parts(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """Yield the config of a data set and those of the data sets it wraps."""
    yield dataset
    for inner in (dataset.get('dataset'), *(dataset.get('datasets') or ())):
        if inner is not None:
            yield from _parts(inner)


def _pipelines(dataset: ConfigDict) -> list:
    return [part.pipeline for part in _parts(dataset) if 'pipeline' in part]


def validates_on_test(cfg: Config) -> bool:
    """Whether validation and test set are the same, irrespective of their pipelines.

    Returns False if the config has no validation or no test loader.
    """
    val, test = (cfg.get(f'{split}_dataloader') for split in ('val', 'test'))
    if val is None or test is None:
        return False
    return _without_pipelines(val.dataset) == _without_pipelines(test.dataset)


def _without_pipelines(part: Any) -> Any:
    if isinstance(part, Mapping):
        kept = {key: value for key, value in part.items() if key != 'pipeline'}
        return {key: _without_pipelines(value) for key, value in kept.items()}
    if isinstance(part, list | tuple):
        return [_without_pipelines(item) for item in part]
    return part
