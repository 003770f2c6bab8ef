"""Files that create another file when they are read by something that runs code."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmgala.utils.checkpoint import read_checkpoint


class Bomb:
    """Pickles to a call that creates the file ``victim``."""

    def __init__(self, victim: Path) -> None:
        self.victim = str(victim)

    def __reduce__(self) -> tuple:
        return open, (self.victim, 'w')


FORMATS = ('pth', 'legacy.pth', 'pkl', 'npy', 'npz', 'yaml')
# Ways to name such a file, besides its plain path.
DETOURS = ('://', '_base_', 'folder', 'meta')
# What tools look for in folders, by the format that it is replaced with.
EXPECTED_NAMES = {
    'epoch_1.pth': 'pth',
    'predictions.npz': 'npz',
    'class_vectors.json': 'pkl',
    'gradient_statistics/epoch_1.npz': 'npz',
    'features/labels.npy': 'npy',
    'cifar-100-python/train': 'pkl',
    'cifar-100-python/test': 'pkl',
    'cifar-10-batches-py/data_batch_1': 'pkl',
    'train_images.npy': 'npy',
    'train_labels.npy': 'npy',
}


def write_bomb(
    folder: Path, kind: str, victim: Path | None = None
) -> tuple[Path, Path]:
    """Write ``bomb.KIND``.

    Returns:
        Path of the bomb, and of the file ``victim`` that it creates.
    """
    path, victim = folder / f'bomb.{kind}', victim or folder / 'victim'
    content: Any = {'state_dict': {'a': Bomb(victim)}, 'meta': {'cfg': code(victim)}}
    if kind == 'pth':
        torch.save(content, path)
    elif kind == 'legacy.pth':
        torch.save(content, path, _use_new_zipfile_serialization=False)
    elif kind == 'pkl':
        path.write_bytes(pickle.dumps({'a': Bomb(victim)}))
    elif kind == 'npy':
        np.save(path, np.array([Bomb(victim)], dtype=object))
    elif kind == 'npz':
        np.savez(path, a=np.array([Bomb(victim)], dtype=object))
    else:
        path.write_text(f'a: !!python/object/apply:io.open ["{victim}", "w"]\n')
    return path, victim


def code(victim: Path) -> str:
    """A config that runs code, as a checkpoint may carry in its meta data."""
    return f'open({str(victim)!r}, "w")\n'


def write_detour(folder: Path, kind: str, victim: Path, good: Path) -> str:
    """Write bombs that are reached in another way.

    Args:
        folder: where to write them.
        kind: one of :data:`DETOURS`.
        victim: file that they create.
        good: harmless checkpoint; ``'meta'`` is like it, with code as its config.

    Returns:
        What to pass to a tool.
    """
    if kind == 'meta':
        content = read_checkpoint(good)
        content['meta']['cfg'] = code(victim)
        torch.save(content, folder / 'meta.pth')
        return str(folder / 'meta.pth')
    if kind == '://':
        path, _ = write_bomb(folder, 'pth', victim)
        (folder / 'a:').mkdir()
        shutil.move(path, folder / 'a:')
        return f'{folder}/a://bomb.pth'
    if kind == '_base_':
        write_bomb(folder, 'yaml', victim)
        (folder / 'config.py').write_text("_base_ = './bomb.yaml'\n")
        return str(folder / 'config.py')
    for name, form in EXPECTED_NAMES.items():
        path, _ = write_bomb(folder, form, victim)
        (folder / 'all' / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, folder / 'all' / name)
    (folder / 'all' / 'last_checkpoint').write_text(f'{folder}/all/epoch_1.pth')
    return str(folder / 'all')
