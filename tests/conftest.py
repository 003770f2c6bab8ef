"""What every test shares: threads, seeds, the `shared` folder, miniatures, ranks."""

import gc
import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Subprocesses and spawned ranks inherit this: more threads than cores crawl.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch

from tests.slow_tests import is_slow

# The core needs PyTorch and NumPy alone, and so do its tests.
WITH_OPENMMLAB = find_spec('mmengine') is not None
if WITH_OPENMMLAB:
    from tests.global_state import SharedFixtures
    from tests.openmmlab_fixtures import (  # noqa: F401
        miniatures,
        on_cpu,
        rank_pool,
        restored_global_state,
        unformatted_configs,
    )

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--folder-times``."""
    parser.addoption(
        '--folder-times',
        action='store_true',
        help='print the CPU seconds of each test folder',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Measure where asked, and watch the fixtures of all folders."""
    if WITH_OPENMMLAB:
        config.pluginmanager.register(SharedFixtures())
    if config.getoption('--folder-times'):
        from tests.timings import FolderTimes

        config.pluginmanager.register(FolderTimes())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow tests."""
    for item in items:
        if is_slow(item, item.path.relative_to(REPOSITORY).parts[:2]):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Exempt all that is imported from collection: every MMEngine data set collects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together in one process what shares a fixture."""
    from tests.scheduling import FolderScheduling

    return FolderScheduling(config, log)


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope='session')
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Folder `shared` beside the checkout: recorded numbers and class counts."""
    path = REPOSITORY.parent / 'shared'
    if not path.is_dir():
        pytest.skip(f'{path} is not here: recorded numbers cannot be compared')
    return path
