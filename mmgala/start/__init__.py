"""From a folder of images to a config: the parts of ``mmgala start``.

:mod:`~mmgala.start.source` finds the images and their classes,
:mod:`~mmgala.start.inspection` looks into each file, :mod:`~mmgala.start.split` makes
three parts of them, :mod:`~mmgala.start.backbones` and :mod:`~mmgala.start.rules`
choose the settings, :mod:`~mmgala.start.config_text` writes them down, and
:mod:`~mmgala.start.state` knows whether a work directory was started so before.
"""
