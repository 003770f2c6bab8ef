"""Memory of training steps with all logits, and with blocks of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name('linear_loss_memory.py')
LOGITS = 64 * 400_000 * 4 / 2**20  # MiB


def added(way):
    """MiB that a process adds beside weights and gradient."""
    environment = os.environ | dict(
        PYTHONPATH=str(PROGRAM.parents[2]),
        MALLOC_MMAP_THRESHOLD_='65536',  # freed arrays go back to the system at once
    )
    done = subprocess.run([sys.executable, PROGRAM, way], check=True, text=True,
                          stdout=subprocess.PIPE, env=environment)  # fmt: skip
    return float(done.stdout.split()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_blocks_never_hold_all_logits():
    assert (
        added('plain') > 1.8 * LOGITS
    )  # the measurement sees them, and their gradient
    assert added('blocks') < 0.6 * LOGITS
