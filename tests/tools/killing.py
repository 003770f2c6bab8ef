"""Kill a training once a file exists."""

import os
import signal
import subprocess
import time

from tests.tools.command_line import LIMIT, command, environment


def kill_after(path, work_dir, config, *flags, **env):
    """Start ``tools/train.py`` and kill all its processes once ``path`` exists.

    Returns:
        Its exit status and output, with the whole log.
    """
    output = work_dir.with_suffix('.txt')
    with output.open('w') as file:
        process = subprocess.Popen(
            command('train.py', config, '--verbose', '--work-dir', work_dir, *flags),
            cwd=work_dir.parent,
            env=environment(**env),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + LIMIT
    try:
        while not path.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait(), output.read_text()
