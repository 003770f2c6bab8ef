"""Silence warnings of libraries that say nothing about a training, on import."""

import warnings

# mmcv-lite has no compiled operators; classification does not need them.
warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformable')
