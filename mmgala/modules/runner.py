"""What MMEngine's runner knows and logs, for modules that work without MMEngine too.

A runner can only exist where MMEngine has been imported, so nothing here imports it.
"""

import logging
import sys
from types import ModuleType

LOGGER = logging.getLogger('mmgala')


def _mmengine_logging() -> ModuleType | None:
    """``mmengine.logging``, if something has imported it."""
    return sys.modules.get('mmengine.logging')


def log(line: str) -> None:
    """Write a line to MMEngine's log or, without MMEngine, to the logger ``mmgala``."""
    mmengine_logging = _mmengine_logging()
    if mmengine_logging is None:
        LOGGER.info(line)
    else:
        mmengine_logging.print_log(line, logger='current')


def training_is_resumed() -> bool | None:
    """Whether MMEngine's runner continues a training; None if it is not training."""
    mmengine_logging = _mmengine_logging()
    if mmengine_logging is None:
        return None
    hub = mmengine_logging.MessageHub.get_current_instance()
    if hub.get_info('loop_stage', None) != 'train':
        return None
    return hub.get_info('iter', 0) > 0
