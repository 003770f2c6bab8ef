"""Child registries of MMEngine's, scope ``mmgala``.

MMEngine imports ``<scope>.registry`` when a config names ``mmgala.X``, and then the
``locations`` of the registry: configs need no ``custom_imports``.
"""

from importlib import import_module
from typing import Any

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry as MMEngineRegistry

FORMER_MODULES = ('models.losses.', 'models.post_hoc.')


DETECTION = (
    'Float32OperatorsHook',
    'GALABBoxLoss',
    'GALAObjectnessLoss',
    'LVISDataset',
    'LVISMetric',
)
"""The classes of ``mmgala.detection``."""


class Registry(MMEngineRegistry):
    """A registry that imports ``mmgala.detection`` for the names of its classes.

    Listed in ``locations``, it would make every classification import MMDetection.

    Configs in Python style are saved with the module of each class, and classes move:
    names in modules that are gone are found by their last part.
    """

    def get(self, key: str) -> Any:
        """Look up a class by name.

        Raises:
            ImportError: if it is a class of the detection half, and MMDetection is not
                installed.
        """
        name = key.removeprefix('mmgala.')
        if name.startswith(FORMER_MODULES):
            return super().get(name.rsplit('.', 1)[1])
        found = super().get(key)
        if found is not None or name not in DETECTION:
            return found
        try:
            import_module('mmgala.detection')
        except ImportError as error:
            raise ImportError(
                f'mmgala.{name} needs MMDetection and mmcv with its compiled operators '
                f'({error}): `make install-detection` installs them; for another '
                'environment, see requirements/detection-no-deps.txt.'
            ) from error
        return super().get(key)


def find_class(
    kind: str | type | None, registry: MMEngineRegistry, scope: str | None = None
) -> type | None:
    """Find the class that the ``type`` in a config refers to.

    Args:
        kind: registered name, with a scope or in the default scope; or the class
            itself.
        registry: registry of MMEngine, such as ``mmengine.registry.MODELS``.
        scope: of names without one. Defaults to the current default scope.

    Returns:
        The class, or ``None`` if the name is not registered.
    """
    if not isinstance(kind, str):
        return kind
    with registry.switch_scope_and_registry(scope) as in_scope:
        return in_scope.get(kind)


def is_subclass(
    kind: str | type | None,
    parent: type,
    registry: MMEngineRegistry,
    scope: str | None = None,
) -> bool:
    """Whether the ``type`` in a config is ``parent`` or a subclass of it."""
    found = find_class(kind, registry, scope)
    return isinstance(found, type) and issubclass(found, parent)


MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='mmgala', locations=['mmgala.models']
)
MODEL_WRAPPERS = Registry(
    'model wrapper',
    parent=MMENGINE_MODEL_WRAPPERS,
    scope='mmgala',
    locations=['mmgala.models'],
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
