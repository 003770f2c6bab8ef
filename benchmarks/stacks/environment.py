"""A fresh virtual environment: its Python, packages and size."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What pip brings along, which no one compares.
IGNORED = ('pip', 'setuptools', 'wheel', 'mmgala')
LIMIT = 3600  # seconds of one step
# Variables by which this machine's Python or pip would reach into the environment.
FOREIGN = ('PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'PIP_TARGET', 'PIP_USER')


def find_python(version: str) -> str:
    """Path of an interpreter, on the path or among those of pyenv.

    Raises:
        FileNotFoundError: if there is none.
    """
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')) / 'versions'
    candidates = [
        shutil.which(f'python{version}'),
        *sorted(pyenv.glob(f'{version}.*/bin/python')),
    ]
    for candidate in candidates:
        code = 'import sys; print("%d.%d" % sys.version_info[:2])'
        if candidate and _output([str(candidate), '-c', code]) == version:
            return str(candidate)
    raise FileNotFoundError(
        f'Python {version} was not found on the path or in {pyenv}: install it.'
    )


def _output(command: Sequence[str]) -> str | None:
    """What a program prints, or ``None`` if it fails (as the shims of pyenv may)."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else None


class Environment:
    """A virtual environment in a folder of its own.

    Args:
        folder: where it is made; what is there is removed first.
        python: interpreter to make it with; without one, the folder is used as it is.
    """

    def __init__(self, folder: Path, python: str | None) -> None:
        self.folder = folder
        if python:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, '-m', 'venv', str(folder)], check=True, timeout=300)
        self.bin = folder / 'bin'

    def run(
        self, command: Sequence[str], cwd: Path, limit: int = LIMIT
    ) -> subprocess.CompletedProcess:
        """Run a program of the environment; its output goes to one text."""
        variables = {k: v for k, v in os.environ.items() if k not in FOREIGN}
        variables.setdefault('OMP_NUM_THREADS', '1')  # CI machines are shared
        variables['PATH'] = f'{self.bin}{os.pathsep}{variables.get("PATH", "")}'
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit,
        )

    def install(self, arguments: Sequence[str], project: str) -> None:
        """Run `pip install`.

        Args:
            arguments: of pip; ``{project}`` stands for mmgala.
            project: folder or wheel of mmgala.

        Raises:
            RuntimeError: if pip fails; the message is the end of what it printed.
        """
        words = [word.replace('{project}', project) for word in arguments]
        done = self.run(['python', '-m', 'pip', 'install', '-q', *words], ROOT)
        if done.returncode:
            raise RuntimeError(f'pip install {" ".join(words)}: {done.stdout[-2000:]}')

    def packages(self) -> dict[str, str]:
        """Version of each installed package, without pip's own and mmgala."""
        done = self.run(['python', '-m', 'pip', 'list', '--format=json'], ROOT)
        text = done.stdout[done.stdout.index('[{') :].splitlines()[0]
        found = {entry['name'].lower(): entry['version'] for entry in json.loads(text)}
        return {name: found[name] for name in sorted(found) if name not in IGNORED}

    def size(self) -> int:
        """Bytes on disk, each file once."""
        files = {}
        for path in self.folder.rglob('*'):
            if path.is_file() and not path.is_symlink():
                status = path.stat()
                files[status.st_ino] = status.st_blocks * 512
        return sum(files.values())

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)
