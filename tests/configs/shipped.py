"""The configs of the package, and what their names say."""

import copy
import functools
from pathlib import Path

from mmengine.config import Config

from tests.configs.recipe_table import NUM_CLASSES

ROOT = Path(__file__).parents[2]
SHARDED = ROOT / 'configs' / 'gala' / 'resnet14_digits-lt_sharded.py'
GALA = sorted({*(ROOT / 'configs' / 'gala').glob('*.py')} - {SHARDED})
MARGIN = sorted(
    path
    for folder in ('gala_lead', 'gala_margin')
    for path in (ROOT / 'configs' / folder).glob('*.py')
)
EQL = sorted((ROOT / 'configs' / 'eql').glob('*.py'))
OTHERS = ('_base_', 'detection')
ALL = sorted(
    p
    for p in (ROOT / 'configs').glob('*/*.py')
    if p.parent.name not in OTHERS and p != SHARDED
)
BASELINES = [p for p in ALL if p.parent.name not in ('gala', 'cross_entropy')]
DECOUPLED = [path for path in GALA if path.stem in NUM_CLASSES]
CIFAR = [path for path in GALA if 'cifar1' in path.stem]
FASHION = ROOT / 'data' / 'fashion_mnist'
FASHION_CONFIGS = [path for path in GALA if 'fashion-mnist' in path.stem]

name = '{0.parent.name}/{0.stem}'.format


@functools.cache
def read(path):
    return Config.fromfile(path)


def load(path):
    """A config that may be changed; to read one takes half a second."""
    return copy.deepcopy(read(path))


def num_classes_of(path):
    """What a config's name says."""
    if 'plankton' in path.stem:
        return 121
    hundred = 'cifar100' in path.stem or 'pairs' in path.stem
    return NUM_CLASSES.get(path.stem, 100 if hundred else 10)
