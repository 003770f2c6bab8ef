"""Child registries of MMEngine's, scope ``mmgala``.

MMEngine imports ``<scope>.registry`` when it meets the name ``mmgala.X``, and the
locations below when it looks inside: configs need no ``custom_imports``.
"""

from importlib import import_module
from typing import Any

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry as MMEngineRegistry

DETECTION = (
    'Float32OperatorsHook',
    'GALABBoxLoss',
    'GALASigmoidLoss',
    'LVISDataset',
    'LVISMetric',
)


class Registry(MMEngineRegistry):
    """Also knows the names of ``mmgala.detection``, and imports it for these alone.

    As a location it would import MMDetection for everyone who classifies.
    """

    def get(self, key: str) -> Any:
        """The class that ``key`` names.

        Raises:
            ImportError: if it is one of detection, and MMDetection is not installed.
        """
        name = key.removeprefix('mmgala.') if isinstance(key, str) else key
        if name in DETECTION:
            try:
                import_module('mmgala.detection')
            except ImportError as error:
                raise ImportError(
                    f'mmgala.{name} needs MMDetection and mmcv with its compiled '
                    f'operators ({error}): `make install-detection` installs them; see '
                    'requirements/detection-no-deps.txt for an environment of your own.'
                ) from error
        return super().get(key)


MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='mmgala', locations=['mmgala.models']
)
DATASETS = Registry(
    'dataset', parent=MMENGINE_DATASETS, scope='mmgala', locations=['mmgala.datasets']
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMENGINE_DATA_SAMPLERS,
    scope='mmgala',
    locations=['mmgala.datasets'],
)
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='mmgala',
    locations=['mmgala.datasets'],
)
HOOKS = Registry(
    'hook', parent=MMENGINE_HOOKS, scope='mmgala', locations=['mmgala.engine']
)
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=MMENGINE_OPTIM_WRAPPERS,
    scope='mmgala',
    locations=['mmgala.engine'],
)
LOOPS = Registry(
    'loop', parent=MMENGINE_LOOPS, scope='mmgala', locations=['mmgala.engine']
)
METRICS = Registry(
    'metric', parent=MMENGINE_METRICS, scope='mmgala', locations=['mmgala.evaluation']
)
EVALUATOR = Registry(
    'evaluator',
    parent=MMENGINE_EVALUATOR,
    scope='mmgala',
    locations=['mmgala.evaluation'],
)
