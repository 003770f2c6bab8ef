"""``mmgala compare`` in a process of its own."""

import subprocess
import sys

from mmgala.comparison.methods import CATALOGUE


def test_the_list_of_methods_can_be_piped():
    """What a command prints by ``print`` would be in its log file only."""
    command = [sys.executable, '-m', 'mmgala', 'compare', '--list']
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)

    assert found.returncode == 0, found.stderr
    names = [line.split()[0] for line in found.stdout.splitlines() if line[0] != ' ']
    assert names[: len(CATALOGUE) + 1] == ['config', *CATALOGUE]
    assert set(names[len(CATALOGUE) + 1 :]) == {'--with'}
