"""The command as a user runs it, in environments made of fake packages."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RUN = 'from mmgala.cli.commands.doctor import main; main()'


def doctor(*flags: str, packages: Path | None = None) -> subprocess.CompletedProcess:
    """Run the command in a Python without site-packages."""
    paths = [str(path) for path in (packages, ROOT) if path]
    code = f'import sys; sys.path[:0] = {paths!r}; {RUN}'
    return subprocess.run(
        [sys.executable, '-I', '-S', '-c', code, *flags],
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_without_any_package():
    done = doctor()
    assert done.returncode == 1
    assert 'pip install torch' in done.stdout
    assert done.stderr == ''


def test_packages_that_break_everything(tmp_path):
    (tmp_path / 'torch.py').write_text("raise OSError('libcudart.so: not found')")
    (tmp_path / 'mmcv.py').write_text('import os; os.abort()')
    (tmp_path / 'numpy.py').write_text("__version__ = '1.26.4'")
    done = doctor('--json', packages=tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert 'libcudart.so' in found['versions']['torch']
    assert 'signal 6' in found['versions']['mmcv']
    assert found['versions']['numpy'] == '1.26.4'
    assert [part['works'] for part in found['parts']] == [False] * 5
    assert 'force-reinstall' in found['parts'][0]['remedy']


def test_both_lines_at_once(tmp_path):
    for name in ('mmengine', 'onedl_mmengine'):
        folder = tmp_path / f'{name}-0.10.0.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: 0.10.0\n'
        )
    done = doctor(packages=tmp_path)
    assert 'Fault: mmengine and onedl-mmengine' in done.stdout
    assert 'both lines at once' in done.stdout
