"""Time and memory of a computation in a process that has done nothing else."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def peak_mib() -> int:
    """Largest memory that this process has used, in MiB (on Linux)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, dict]:
    """Call a function; its result, and its seconds and the peak memory until then."""
    begin, cpu_begin = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, dict(
        seconds=round(time.perf_counter() - begin, 1),
        cpu_seconds=round(time.process_time() - cpu_begin, 1),
        peak_mib=peak_mib(),
    )


def measure_in_fresh_process(script: str, *arguments: str) -> dict:
    """Result of ``script --measure ...``, which prints it as JSON on its last line."""
    done = subprocess.run(
        [sys.executable, script, '--measure', *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return dict(failed=f'exit status {done.returncode}')
    return json.loads(done.stdout.splitlines()[-1])
