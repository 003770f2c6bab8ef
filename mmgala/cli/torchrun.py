"""torchrun for the scripts in tools/: ``python -m mmgala.cli.torchrun ARGUMENTS``.

It differs from torchrun in three ways: with ``--standalone`` or a master at 127.0.0.1,
it listens on this machine only; a signal ends it and its processes without a traceback;
and if one of them fails, only their own messages are printed.
"""

import mmgala.cli.interrupts as interrupts

# isort: split
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

import torch.distributed

from mmgala.utils.ranks import LAUNCH_FOLDER

LOCALHOST = '127.0.0.1'


class LocalStore(torch.distributed.TCPStore):
    """A TCP store whose server listens on the loopback interface only."""

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        *further: Any,
        **options: Any,
    ) -> None:
        if is_master:
            server = socket.create_server((LOCALHOST, port))
            port = server.getsockname()[1]
            options['master_listen_fd'] = server.detach()
        super().__init__(LOCALHOST, port, world_size, is_master, *further, **options)


def main(arguments: list[str]) -> None:
    """Run torchrun with these arguments."""
    pairs = zip(arguments, arguments[1:], strict=False)
    if '--standalone' in arguments or ('--master-addr', LOCALHOST) in pairs:
        # Before torchrun imports it.
        setattr(torch.distributed, 'TCPStore', LocalStore)  # noqa: B010
        arguments = ['--local-addr', LOCALHOST, *arguments]
        if sys.platform == 'linux':
            os.environ.setdefault('GLOO_SOCKET_IFNAME', 'lo')
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.disable(logging.ERROR)  # each process says by itself what is wrong
    os.environ[LAUNCH_FOLDER] = folder = tempfile.mkdtemp(prefix='mmgala-launch-')
    try:
        run.main(arguments)
    except SignalException as error:
        interrupts.say_interrupted(error.sigval)  # if no rank was there to say so
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(128 + error.sigval)  # its processes have ended, which took long enough
    except KeyboardInterrupt:
        interrupts.say_interrupted(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)
        interrupts.end_now()
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:  # killed, so it could not say why
            print(
                f'error: rank {rank} was killed by signal {-failure.exitcode}'
                f'{": out of memory?" if failure.exitcode == -9 else ""}',
                file=sys.stderr,
            )
            sys.exit(128 - failure.exitcode)
        sys.exit(failure.exitcode)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main(sys.argv[1:])
