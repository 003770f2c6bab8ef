"""Weights that a model is initialised with, looked at before anything is built."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse

import torch.hub
from mmengine.config import Config
from mmengine.dist import is_main_process

from mmgala.utils.checkpoint import read_checkpoint


def check_pretrained(cfg: Config, prefix: str = '') -> None:
    """Check every ``init_cfg=dict(type='Pretrained')`` of a model.

    A file has to be one that is read without running code. A URL is downloaded now, to
    where MMEngine looks for it, and verified by the checksum that OpenMMLab's files
    end their names with.

    Args:
        cfg: with ``model``.
        prefix: what the names of this config's settings begin with on the command
            line, like ``'stage1.'``.

    Raises:
        FileNotFoundError: if there is no such local file.
        OSError: if a download failed; the message says what to fetch and where to
            put it.
        ValueError: if a file is damaged, or holds more than weights and plain data.
    """
    for key, init_cfg in _pretrained(cfg.model, 'model'):
        source = str(init_cfg['checkpoint'])
        if source.startswith(('http://', 'https://')):
            if is_main_process():  # MMEngine lets the others wait for it
                _fetch(source, f'{prefix}{key}.checkpoint')
        elif '://' not in source:
            read_checkpoint(source)


def _pretrained(config: Any, key: str) -> Iterator[tuple[str, dict]]:
    """Each ``Pretrained`` initialisation below a config, with its dotted name."""
    if isinstance(config, dict):
        if config.get('type') == 'Pretrained' and config.get('checkpoint'):
            yield key, config
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
            f'Could not download {url} ({getattr(error, "reason", error)}): fetch it '
            f'where there is a network and put it at {path}, or name a file of your '
            f'own with --cfg-options {key}=FILE.'
        ) from error
    except RuntimeError as error:  # of the checksum
        raise ValueError(
            f'What came from {url} is not the published file: {error}'
        ) from error
    try:
        read_checkpoint(path)
    except ValueError:
        path.unlink()  # the next run shall not take it for a good one
        raise
