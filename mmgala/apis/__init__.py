"""Functions for programs: configs, data splits, models and stages of a training.

Names are imported on first use, so that a program loads only the libraries it needs.
"""

from importlib import import_module
from typing import Any

_MODULE_OF = {
    'Prediction': 'prediction',
    'Predictor': 'prediction',
    'build_runner': 'runner',
    'build_whole_split': 'data_splits',
    'check_pretrained_weights': 'pretrained_weights',
    'export_model': 'export',
    'find_class_layer': 'class_vectors',
    'load_config': 'launch',
    'load_model': 'models',
    'measure_class_vectors': 'class_vectors',
    'plan_stages': 'stages',
    'save_model': 'models',
    'set_launcher': 'launch',
    'split_dataloader': 'data_splits',
    'use_channels_last': 'config_options',
    'use_mixed_precision': 'config_options',
    'validates_on_test': 'data_splits',
}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_MODULE_OF[name]}'), name)
