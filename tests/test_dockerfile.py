"""The image is built from files that are there, by the documented commands.

Docker itself is not needed: the wheel is built from what the image would hold.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = re.sub(r'\\\n', ' ', (ROOT / 'Dockerfile').read_text())


def instructions(name: str) -> list[str]:
    """What stands after each instruction of one kind."""
    return re.findall(rf'^{name} (.*)', TEXT, re.M)


def copied() -> list[str]:
    """Files and folders of the clone that the image holds."""
    return [source for line in instructions('COPY') for source in line.split()[:-1]]


def test_docker_gets_what_is_copied():
    kept = re.findall(r'^!(.*)', (ROOT / '.dockerignore').read_text(), re.M)
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in kept), source


def test_packages_are_installed_as_documented():
    commands = [c for line in instructions('RUN') for c in line.split(' && ')]
    documented = ''.join(
        (ROOT / 'requirements' / f'{name}.txt').read_text()
        for name in ('classification', 'mmcv-lite')
    )
    installs = [c for c in commands if c.startswith('pip install') and ' -r ' in c]
    assert len(installs) == 2
    for command in installs:
        assert f'#   {command}\n' in documented


@pytest.mark.slow
def test_the_wheel_is_built_from_the_files_of_the_image(tmp_path):
    image = tmp_path / 'image'
    image.mkdir()
    for source in copied():
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(
                path,
                image / source,
                ignore=shutil.ignore_patterns('__pycache__', '.mim'),
            )
        else:
            shutil.copy(path, image)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-index']
        + ['--no-build-isolation', '-w', str(tmp_path), '.'],
        cwd=image,
        check=True,
        timeout=600,
    )
    (wheel,) = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    assert 'mmgala/cli/main.py' in names
    assert 'mmgala/.mim/configs/gala/resnet14_digits-lt.py' in names
    assert 'mmgala/datasets/class_counts/places-lt.json' in names
