"""Errors of the command-line tools."""

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator

from mmgala.utils.safe_loading import refusal
from mmgala.utils.text import visible

USER_ERRORS = (ValueError, TypeError, OSError, AssertionError, ImportError)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Exit with a message of one line if the user's input causes an error.

    Set ``MMGALA_TRACEBACK=1`` in the environment to see the traceback.
    """
    try:
        yield
    except pickle.UnpicklingError as error:  # of PyTorch and NumPy
        if os.environ.get('MMGALA_TRACEBACK'):
            raise
        sys.exit(f'error: {visible(refusal(error))}')
    except (*USER_ERRORS, KeyError) as error:
        if isinstance(error, KeyError) and ' ' not in str(error):
            raise  # only MMEngine's registries raise KeyError with a sentence
        if os.environ.get('MMGALA_TRACEBACK'):
            raise
        # Errors of data loader workers contain a traceback; the reason comes last.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[-1] if 'Original Traceback' in str(error) else ' '.join(lines)
        sys.exit(f'error: {visible(reason)}')
