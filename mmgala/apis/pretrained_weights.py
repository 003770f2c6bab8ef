"""Validation and download of the pretrained weights in a config."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch.hub
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.model import PretrainedInit

from mmgala.utils.checkpoint import read_checkpoint
from mmgala.utils.mmengine_loading import is_local


def check_pretrained_weights(cfg: Config, prefix: str = '') -> None:
    """Check all files of weights that a training starts from, before it starts.

    These are ``load_from``, and in the model each ``init_cfg=dict(type='Pretrained')``
    and ``pretrained=FILE``. Local files must be readable without executing code. URLs
    are downloaded to MMEngine's cache, and verified by the checksum in OpenMMLab's file
    names.

    Args:
        cfg: config with ``model``.
        prefix: prefix of this config's settings on the command line, such as
            ``'stage1.'``.

    Raises:
        FileNotFoundError: if a local file does not exist.
        OSError: if a download fails; the message says how to get the file otherwise.
        ValueError: if a file is damaged, or contains more than weights and plain data.
    """
    sources = list(_pretrained(cfg.model, 'model'))
    if cfg.get('load_from'):
        sources.append(('load_from', str(cfg.load_from)))
    for key, source in sources:
        if source.startswith(('http://', 'https://')):
            if is_main_process():  # MMEngine makes other ranks wait
                _fetch(source, f'{prefix}{key}')
        elif is_local(source):
            read_checkpoint(source)


def _pretrained(config: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield each path or address of weights in a model, with its dotted name."""
    if isinstance(config, dict):
        by_weights = config.get('type') in ('Pretrained', PretrainedInit)
        if by_weights and config.get('checkpoint'):
            yield f'{key}.checkpoint', str(config['checkpoint'])
        if isinstance(config.get('pretrained'), str):
            yield f'{key}.pretrained', config['pretrained']
        for name, value in config.items():
            yield from _pretrained(value, f'{key}.{name}')
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from _pretrained(value, f'{key}.{index}')


def _fetch(url: str, key: str) -> None:
    name = Path(urlparse(url).path).name
    path = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if path.is_file():
        read_checkpoint(path)
        return
    checksum = re.search(r'-([0-9a-f]{8,})\.', name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), checksum and checksum[1])
    except (URLError, TimeoutError, ConnectionError) as error:
        raise OSError(
            f'Could not download {url} ({getattr(error, "reason", error)}): download '
            f'it elsewhere and put it at {path}, or use another file with '
            f'--cfg-options {key}=FILE.'
        ) from error
    except RuntimeError as error:  # wrong checksum
        raise ValueError(
            f'The download from {url} is not the published file: {error}'
        ) from error
    try:
        read_checkpoint(path)
    except ValueError:
        path.unlink()  # so that the next run downloads it again
        raise
