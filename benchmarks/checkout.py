"""The checkout that a benchmark runs from."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def current_commit(folder: Path = ROOT) -> str:
    """Abbreviated commit of a checkout; empty without git or outside a checkout."""
    command = ['git', 'rev-parse', '--short', 'HEAD']
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except OSError:
        return ''
    return done.stdout.strip()
