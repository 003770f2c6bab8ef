"""Files that create another file when they are read by something that runs code."""

import pickle

import numpy as np
import torch


class Bomb:
    """Pickles to a call that creates the file ``victim``."""

    def __init__(self, victim):
        self.victim = str(victim)

    def __reduce__(self):
        return open, (self.victim, 'w')


FORMATS = ('pth', 'legacy.pth', 'pkl', 'npy', 'npz', 'yaml')


def write_bomb(folder, kind, victim=None):
    """Write ``bomb.KIND``.

    Returns:
        Path of the bomb, and of the file ``victim`` that it creates.
    """
    path, victim = folder / f'bomb.{kind}', victim or folder / 'victim'
    if kind == 'pth':
        torch.save({'state_dict': {'a': Bomb(victim)}}, path)
    elif kind == 'legacy.pth':
        content = {'state_dict': {'a': Bomb(victim)}}
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
