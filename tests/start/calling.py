"""Call commands of `mmgala` in this process, or start them in another."""

import subprocess
import sys

import pytest

from tests.tools.command_line import LIMIT, environment


def call(command, *words, cwd='.'):
    """Call a command in this process; return its exit code or error message."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(sys, 'argv', ['mmgala', *map(str, words)])
        try:
            command.main()
        except SystemExit as end:
            return end.code
    return None


def run(*words, cwd):
    """Run a command in another process; return what it printed to stdout and stderr."""
    result = subprocess.run(
        [sys.executable, '-m', 'mmgala', *map(str, words)],
        cwd=cwd, env=environment(), capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout, result.stderr
