"""Time and memory of a computation in a fresh process."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_mib() -> int:
    """Peak memory of this process in MiB (on Linux).

    Not ``ru_maxrss``, which begins with the memory of the process that started it.
    """
    status = Path('/proc/self/status').read_text()
    found = re.search(r'VmHWM:\s+(\d+) kB', status)
    assert found is not None
    return round(int(found[1]) / 1024)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, dict]:
    """Call a function; return its result, time and the peak memory so far."""
    begin, cpu_begin = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, dict(
        seconds=round(time.perf_counter() - begin, 1),
        cpu_seconds=round(time.process_time() - cpu_begin, 1),
        peak_mib=peak_mib(),
    )


def measure_in_fresh_process(script: str, *arguments: str) -> dict:
    """Run ``script --measure ...``, and parse the JSON in its last line."""
    done = subprocess.run(
        [sys.executable, script, '--measure', *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return dict(failed=f'exit status {done.returncode}')
    return json.loads(done.stdout.splitlines()[-1])
