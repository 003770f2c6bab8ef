"""Child registries of MMEngine's, scope ``mmgala``.

MMEngine imports ``<scope>.registry`` when it meets the name ``mmgala.X``, and the
locations below when it looks inside: configs need no ``custom_imports``.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

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
METRICS = Registry(
    'metric', parent=MMENGINE_METRICS, scope='mmgala', locations=['mmgala.evaluation']
)
EVALUATOR = Registry(
    'evaluator',
    parent=MMENGINE_EVALUATOR,
    scope='mmgala',
    locations=['mmgala.evaluation'],
)
