"""Preparation of a run: config, work directory, data loaders and launcher."""

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from mmengine.config import Config
from mmengine.device import get_device

import mmgala.engine  # noqa: F401  # files that MMEngine writes are whole
from mmgala.apis.config_errors import explained_config_errors
from mmgala.apis.image_sizes import limit_image_sizes
from mmgala.utils.files import check_readable
from mmgala.utils.package_configs import set_variable, similar_config
from mmgala.utils.safe_loading import RefusedContentError, only_plain_data


def load_config(path: str) -> Config:
    """Read a config file and the files in its ``_base_``.

    Python configs are programs, which are executed. YAML and JSON are read as data.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it cannot be read, with the line where something is wrong; or if
            a YAML file has tags that would run code.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f'Config {path} is a folder: give a file in it.')
    if not os.path.isfile(path):
        if os.path.exists(path):
            check_readable(path)  # says that it is a pipe or a device
        raise FileNotFoundError(f'Config {path} does not exist.{similar_config(path)}')
    set_variable()
    try:
        with only_plain_data(), explained_config_errors(path):
            return Config.fromfile(path)
    except RefusedContentError as error:  # names a temporary copy of MMEngine
        reason = str(error).partition(' was not loaded: ')[2] or error
        raise RefusedContentError(
            f'Config {path}, or a file in its _base_, was not loaded: {reason}'
        ) from error


def set_work_dir(cfg: Config, config_path: str, work_dir: str | None) -> None:
    """Set the work dir from the command line, the config or the config's file name."""
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = default_work_dir(config_path)


def default_work_dir(config_path: str) -> str:
    """Work directory of a config without one, ``work_dirs/NAME``.

    For a config in a folder of ``configs``, this includes the folder, which is named
    after the method: configs of several methods have one file name.

    Examples:
        >>> default_work_dir('configs/gala/resnet14_digits-lt.py')
        'work_dirs/gala/resnet14_digits-lt'
        >>> default_work_dir('my_config.py')
        'work_dirs/my_config'
    """
    path = Path(config_path).absolute().with_suffix('')
    folders = path.parts[:-1]
    below = len(folders)
    if 'configs' in folders:
        below -= folders[::-1].index('configs')
    return str(Path('work_dirs', *path.parts[below:]))


def check_work_dir(work_dir: str) -> None:
    """Check that a work directory for a new training has no checkpoints.

    Raises:
        FileExistsError: if the directory contains checkpoints.
    """
    found = sorted(path.name for path in Path(work_dir).glob('*.pth'))
    if found:
        raise FileExistsError(
            f'{work_dir} already contains a training ({found[-1]}): continue it with '
            '--resume if it is of this config, or choose another --work-dir.'
        )


def set_dataloader_defaults(cfg: Config, pin_memory: bool = True) -> None:
    """Set the same defaults for data loaders as MMPretrain's tools."""
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
    """Set the job launcher; without a GPU, also initialize distributed training.

    MMEngine always uses NCCL and moves the model to a GPU, which fails on a CPU. There,
    this starts a gloo process group and configures the model wrapper.

    Raises:
        ValueError: if the launcher does not support CPUs.
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
    """Destroy the process group when all ranks have arrived.

    Without this, a thread of the group occasionally aborts the process on exit
    ("terminate called without an active exception").
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def add_paths_to_image_errors() -> None:
    """Include the path of the image in every error of mmcv's image loading.

    Images with too many pixels are such an error, too; see :func:`limit_image_sizes`.

    Without this, errors of OpenCV for empty files and of Pillow for most broken files
    do not mention the path, which makes them hard to find among a million images. Data
    loader workers inherit the change from the process that forks them.
    """
    # Imported late, as not all programs load images.
    from mmcv.transforms import LoadImageFromFile

    limit_image_sizes()
    load = LoadImageFromFile.transform
    if hasattr(load, '__wrapped__'):
        return

    @functools.wraps(load)
    def transform(self: Any, results: dict) -> Any:
        try:
            return load(self, results)
        except Exception as error:
            path = str(results.get('img_path'))
            if path in str(error):
                raise
            reason = ' '.join(str(error).split()) or type(error).__name__
            raise OSError(f'Image {path} cannot be read: {reason}') from error

    LoadImageFromFile.transform = transform


def _set_slurm_environment() -> None:
    """Translate Slurm's environment variables to PyTorch's."""
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
