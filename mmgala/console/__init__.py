"""What commands print: results to stdout, everything else to stderr or the log file.

:func:`result` prints what was asked for, and can be piped. :func:`say` and :func:`warn`
tell what happens. What other libraries print, log or warn is written to the log file
while a command runs; see :mod:`mmgala.console.session`.

Importing this imports neither PyTorch nor OpenMMLab nor rich.
"""

from mmgala.console.output import log_in, result, say, warn
from mmgala.console.session import Session, command_session, current_session

__all__ = [
    'Session',
    'command_session',
    'current_session',
    'log_in',
    'result',
    'say',
    'warn',
]
