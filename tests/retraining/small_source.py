"""An untrained model of digits, whose features can be computed in a second."""

from functools import lru_cache
from types import SimpleNamespace

import torch
from mmengine.config import Config

from mmgala.apis.class_vectors import find_class_layer
from mmgala.apis.models import load_model
from mmgala.registry import MODELS
from mmgala.retraining.features import FeatureSource
from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.files import file_digest
from tests.tools.command_line import SMALL_CONFIG


def write_source(folder):
    """Write a config, ``small.py``, and random weights for it, ``small.pth``."""
    config = folder / 'small.py'
    config.write_text(SMALL_CONFIG)
    cfg = Config.fromfile(config)
    torch.manual_seed(0)
    state = MODELS.build(cfg.model).state_dict()
    state['head.fc.weight'] *= 30  # scores that differ
    state['head.fc.bias'] += torch.linspace(-1, 1, 10)
    torch.save({'state_dict': state}, folder / 'small.pth')
    return SimpleNamespace(config=config, checkpoint=folder / 'small.pth')


def open_source(files, layer=None, **changes):
    """The model of a config that ``changes`` are merged into; ``__`` are dots.

    Without changes it is the same every time: to be patched, but not to be changed.
    """
    if layer is None and not changes:
        return _as_written(files.config, files.checkpoint)
    return _open(files, layer, changes)


@lru_cache
def _as_written(config, checkpoint):
    return _open(SimpleNamespace(config=config, checkpoint=checkpoint), None, {})


def _open(files, layer, changes):
    cfg = Config.fromfile(files.config)
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in changes.items()})
    model = load_model(cfg, read_checkpoint(files.checkpoint), files.checkpoint)
    name, linear = find_class_layer(model, layer)
    return FeatureSource(cfg, model, name, linear, file_digest(files.checkpoint), ())
