"""Good inputs, from which the bad ones are made: a small training and its files."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.reliability.forked_tools import call_tool
from benchmarks.reliability.processes import ROOT, Ended

CONFIG = f"""
_base_ = '{ROOT}/configs/gala/resnet14_digits-lt.py'
model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=32),
)
train_cfg = dict(max_epochs=1, val_interval=1)
custom_hooks = [
    dict(type='mmgala.ClassCountsHook'),
    dict(type='mmgala.GradientStatisticsHook', matrix=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
log_level = 'ERROR'
"""


@dataclass
class Material:
    """Files of one training, made when they are first needed.

    Attributes:
        folder: where they are: ``config.py``, ``weights.pth``, ``test.npz``,
            ``val.npz``, ``counts.txt``, ``prior.txt`` and the work dir ``run``.
    """

    folder: Path

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._ready = False

    def copy_to(self, folder: Path) -> None:
        """Copy the files into the folder of a trial, which may spoil them.

        Raises:
            RuntimeError: if they cannot be made.
        """
        with self._lock:
            if not self._ready:
                self._make()
                self._ready = True
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    def _make(self) -> None:
        self.folder.mkdir()
        (self.folder / 'config.py').write_text(CONFIG)
        self._run('tools/train.py', 'config.py', '--work-dir', 'run')
        (self.folder / 'run' / 'epoch_1.pth').rename(self.folder / 'weights.pth')
        (self.folder / 'run' / 'last_checkpoint').unlink()
        for path in (self.folder / 'run').glob('20*'):
            shutil.rmtree(path)  # logs
        test = ('tools/test.py', 'config.py', 'weights.pth', '--work-dir', 'x', '--out')
        self._run(*test, 'test.npz')
        split = 'test_dataloader.dataset.split=val'
        self._run(*test, 'val.npz', '--cfg-options', split)
        shutil.copy(self.folder / 'test.npz', self.folder / 'run' / 'predictions.npz')
        vectors = ('tools/analysis/class_vectors.py', 'config.py', 'weights.pth')
        self._run(*vectors, '--out', 'run/class_vectors.json')
        np.savetxt(self.folder / 'counts.txt', np.arange(100, 0, -10), fmt='%d')
        np.savetxt(self.folder / 'prior.txt', np.full(10, 0.1))
        shutil.rmtree(self.folder / 'x')

    def _run(self, *arguments: str) -> None:
        ended: Ended = call_tool(arguments, limit=300, cwd=self.folder)
        if ended.status != 0:
            raise RuntimeError(f'{arguments[0]} failed: {ended.last_line}')
        for name in ('.stdout', '.stderr', '.status'):
            (self.folder / name).unlink()
