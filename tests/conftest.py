"""What every test shares: threads, seeds, the `shared` folder, miniatures, ranks."""

import gc
import os
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Subprocesses and spawned ranks inherit this: more threads than cores crawl.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch

from tests.distributed.pool import RankPool
from tests.global_state import SharedFixtures, global_state_restored
from tests.miniature_cifar import write_cifar
from tests.miniatures import write_imagenet_lt, write_inaturalist, write_places_lt
from tests.plain_config_text import plain_config_text
from tests.timings import FolderTimes

torch.set_num_threads(1)

REPOSITORY = Path(__file__).resolve().parents[1]

# Fixtures that start processes or open a browser, once for all tests.
COSTLY = ('rank_pool', 'browser')
# Folders whose tests run whole programs and recipes.
SLOW = {
    ('tests', name)
    for name in ('benchmarks', 'browser', 'configs', 'docs', 'projects', 'tools')
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--folder-times``."""
    parser.addoption(
        '--folder-times',
        action='store_true',
        help='print the CPU seconds of each test folder',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Measure where asked, and watch the fixtures of all folders."""
    config.pluginmanager.register(SharedFixtures())
    if config.getoption('--folder-times'):
        config.pluginmanager.register(FolderTimes())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow folders, and whatever uses a costly fixture."""
    for item in items:
        fixtures = getattr(item, 'fixturenames', ())
        folder = item.path.relative_to(REPOSITORY).parts[:2]
        if folder in SLOW or any(name in fixtures for name in COSTLY):
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
def _global_state() -> Iterator[None]:
    with global_state_restored():
        yield


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope='session', autouse=True)
def _on_cpu() -> Iterator[None]:
    """Runners run on the CPU, also where there is a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.device.utils.DEVICE', 'cpu')
        yield


@pytest.fixture(scope='session', autouse=True)
def _plain_config_text() -> Iterator[None]:
    with plain_config_text():
        yield


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


@pytest.fixture(scope='session')
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Folder of each benchmark, with six classes. To be read, not to be changed."""
    folder = tmp_path_factory.mktemp('miniatures')
    return SimpleNamespace(
        imagenet=write_imagenet_lt(folder / 'imagenet'),
        places=write_places_lt(folder / 'places'),
        inaturalist=write_inaturalist(folder / 'inaturalist'),
        inaturalist_lists=write_inaturalist(folder / 'inaturalist_lists', form='txt'),
        cifar10=write_cifar(folder / 'cifar10'),
        cifar100=write_cifar(folder / 'cifar100'),
    )


@pytest.fixture(scope='session')
def rank_pool() -> Iterator[RankPool]:
    """Four processes, started once, that play the ranks of a gloo group."""
    pool = RankPool(size=4)
    yield pool
    pool.close()
