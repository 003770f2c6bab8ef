"""What the command-line tools do around MMEngine's runner."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device

USER_ERRORS = (ValueError, TypeError, OSError, AssertionError, ImportError)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line on bad input.

    ``MMGALA_TRACEBACK=1`` in the environment shows where the error arose.
    """
    try:
        yield
    except (*USER_ERRORS, KeyError) as error:
        if isinstance(error, KeyError) and ' ' not in str(error):
            raise  # a key alone says nothing; MMEngine's registries write sentences
        if os.environ.get('MMGALA_TRACEBACK'):
            raise
        # An error from a loader's worker carries its traceback; the reason is last.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[-1] if 'Original Traceback' in str(error) else ' '.join(lines)
        sys.exit(f'error: {reason}')


def load_config(path: str) -> Config:
    """Read a config file.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'Config {path} does not exist.')
    return Config.fromfile(path)


def set_work_dir(cfg: Config, config_path: str, work_dir: str | None) -> None:
    """Work dir by priority: command line, config, ``./work_dirs/<config's name>``."""
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(config_path).stem)


def check_work_dir(work_dir: str) -> None:
    """Check that a new training does not run into an old one's checkpoints.

    Raises:
        FileExistsError: if the directory holds checkpoints.
    """
    found = sorted(path.name for path in Path(work_dir).glob('*.pth'))
    if found:
        raise FileExistsError(
            f'{work_dir} already holds a training ({found[-1]}): continue it with '
            '--resume, or choose another --work-dir.'
        )


def set_dataloader_defaults(cfg: Config, pin_memory: bool = True) -> None:
    """Complete the dataloaders of a config as MMPretrain's tools do."""
    pin_memory = pin_memory and get_device() != 'cpu'
    for split in ('train', 'val', 'test'):
        dataloader = cfg.get(f'{split}_dataloader')
        if dataloader is None:
            continue
        dataloader.setdefault('pin_memory', pin_memory)
        dataloader.setdefault(
            'persistent_workers', dataloader.get('num_workers', 0) > 0
        )
        if cfg.get('default_scope') == 'mmpretrain':
            dataloader.setdefault('collate_fn', dict(type='default_collate'))


def set_launcher(cfg: Config, launcher: str) -> None:
    """Set the job launcher; without an accelerator, start gloo for it.

    MMEngine starts NCCL and moves the model to a GPU by itself. On a CPU neither
    works, so the process group and the model wrapper are given to it ready-made.

    Raises:
        ValueError: if the launcher cannot start processes on CPUs.
    """
    cfg.launcher = launcher
    if launcher == 'none' or get_device() != 'cpu':
        return
    if launcher == 'slurm':
        _set_slurm_environment()
    elif launcher != 'pytorch':
        raise ValueError(
            f'launcher={launcher} needs GPUs; without them use pytorch or slurm.'
        )
    torch.distributed.init_process_group('gloo')
    cfg.setdefault(
        'model_wrapper_cfg',
        dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            device_ids=None,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        ),
    )


def end_distributed() -> None:
    """End the process group of this program's ranks, once all of them are here.

    Left to the end of the interpreter, a thread of it aborts a finished process now and
    then ("terminate called without an active exception").
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def _set_slurm_environment() -> None:
    """Tell PyTorch what srun tells its tasks."""
    nodes = subprocess.run(
        ['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    os.environ.setdefault('MASTER_ADDR', nodes[0])
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ['RANK'] = os.environ['SLURM_PROCID']
    os.environ['LOCAL_RANK'] = os.environ['SLURM_LOCALID']
    os.environ['WORLD_SIZE'] = os.environ['SLURM_NTASKS']


def read_class_vector(path: str) -> list[float]:
    """Read one number per class: a JSON list, ``.npy``, or text with one a line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds anything else.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist.')
    try:
        if path.endswith('.json'):
            values = np.asarray(json.loads(Path(path).read_text()), dtype=np.float64)
        elif path.endswith('.npy'):
            values = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
        else:
            values = np.loadtxt(path, dtype=np.float64, ndmin=1)
    except (ValueError, TypeError, EOFError) as error:
        raise ValueError(
            f'{path} does not hold one number per class ({error}).'
        ) from error
    if values.ndim != 1:
        raise ValueError(
            f'{path} does not hold one number per class, but {values.shape}.'
        )
    return values.tolist()
