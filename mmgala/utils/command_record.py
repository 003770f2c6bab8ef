"""The commands that wrote a work dir, kept in it."""

import shlex
import sys
import time
from pathlib import Path

COMMANDS_FILE = 'commands.txt'


def record_command(folder: str | Path) -> None:
    """Append the command of this process to ``commands.txt`` in a folder.

    A resumed training has a line for each start: the time in UTC, and the command as a
    shell reads it.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    now = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())
    program, *arguments = sys.argv
    command = ' '.join([_shown(program), shlex.join(arguments)]).strip()
    with open(Path(folder, COMMANDS_FILE), 'a', encoding='utf-8') as file:
        file.write(f'{now}  {command}\n')


def _shown(program: str) -> str:
    """``mmgala train`` as it is, and the path of any other program for a shell."""
    if program.startswith('mmgala '):
        return program
    return f'python {shlex.quote(program)}' if program.endswith('.py') else program
