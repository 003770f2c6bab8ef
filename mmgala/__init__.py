"""GALA: gradient-aware logit adjustment for long-tailed data, for OpenMMLab.

``mmgala.functional`` needs PyTorch alone. Everything else plugs into MMEngine,
MMPretrain and MMDetection and is imported only when it is used.
"""

from mmgala.version import __version__

__all__ = ['__version__']
