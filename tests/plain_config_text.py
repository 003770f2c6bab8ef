"""Let MMEngine print configs as they come.

It has each of the dozen texts that a training logs and saves formatted by YAPF: a
second each, of which a small training has few. All tests run without, and so do the
processes that they start with a config which imports `tests.tools.quick_start`.
"""

from unittest import mock


def unformatted(text, **style):
    """What takes the place of YAPF's function."""
    return text, False


def plain_config_text():
    """Context manager, and with ``start()`` for the rest of a process."""
    return mock.patch('yapf.yapflib.yapf_api.FormatCode', unformatted)
