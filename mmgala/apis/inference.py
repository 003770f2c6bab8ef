"""Run a trained model over a split of its data without a runner."""

import copy
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmgala.apis.launch import set_dataloader_defaults
from mmgala.registry import MODELS
from mmgala.utils.checkpoint import check_fits


def split_dataloader(cfg: Config, split: str) -> ConfigDict:
    """The dataloader of ``train``, ``val`` or ``test`` as the config has it.

    Raises:
        ValueError: if it has none.
    """
    if cfg.get(f'{split}_dataloader') is None:
        have = [s for s in ('train', 'val', 'test') if cfg.get(f'{s}_dataloader')]
        raise ValueError(
            f'The config has no {split}_dataloader; of these it has one: '
            f'{", ".join(have) or "none"}.'
        )
    return cfg[f'{split}_dataloader']


def build_whole_split(cfg: Config, split: str) -> DataLoader:
    """Load every sample of a split once and in order, as a test would.

    Training images, too, are prepared by the pipeline of the test set (or else of the
    validation set), where there is one: without augmentation.

    Args:
        cfg: of a training or test. Its default scope is set.
        split: ``'train'``, ``'val'`` or ``'test'``.

    Raises:
        ValueError: if the config has no such split.
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
    return Runner.build_dataloader(loader)


def _parts(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """A data set's config, and those of all that it wraps."""
    yield dataset
    for inner in (dataset.get('dataset'), *(dataset.get('datasets') or ())):
        if inner is not None:
            yield from _parts(inner)


def _pipelines(dataset: ConfigDict) -> list:
    return [part.pipeline for part in _parts(dataset) if 'pipeline' in part]


def load_model(cfg: Config, checkpoint: dict, path: str | Path) -> BaseModel:
    """Build the model of a config and load a checkpoint, ready to predict.

    Args:
        cfg: of a training or test. Its default scope is set.
        checkpoint: from :func:`mmgala.utils.checkpoint.read_checkpoint`.
        path: of the checkpoint, for messages.

    Returns:
        The model in eval mode, on the GPU if there is one.

    Raises:
        ValueError: if the checkpoint is of another model.
    """
    init_default_scope(cfg.get('default_scope') or 'mmengine')
    model_cfg = copy.deepcopy(cfg.model)
    if cfg.get('data_preprocessor') is not None:
        model_cfg.setdefault('data_preprocessor', copy.deepcopy(cfg.data_preprocessor))
    model = MODELS.build(model_cfg)
    check_fits(checkpoint, model, path)
    state = checkpoint['state_dict']
    model.load_state_dict(
        {name.removeprefix('module.'): value for name, value in state.items()},
        strict=False,  # buffers may be missing
    )
    return model.to(get_device()).eval()
