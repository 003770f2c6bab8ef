"""Makes the first rank kill itself when all have written their second shares.

A config imports it. PyTorch writes the file ``.metadata`` after the shares.
"""

import os
import signal

from torch.distributed.checkpoint import FileSystemWriter

_finish = FileSystemWriter.finish
_saved = []


def finish(writer, *args, **kwargs):
    _saved.append(writer)
    if len(_saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return _finish(writer, *args, **kwargs)


FileSystemWriter.finish = finish
