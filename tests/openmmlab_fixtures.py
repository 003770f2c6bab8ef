"""Fixtures of all tests that run with OpenMMLab; `conftest.py` imports them."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.distributed.pool import RankPool
from tests.global_state import global_state_restored
from tests.miniature_cifar import write_cifar
from tests.miniatures import write_imagenet_lt, write_inaturalist, write_places_lt
from tests.plain_config_text import plain_config_text


@pytest.fixture(autouse=True)
def restored_global_state() -> Iterator[None]:
    with global_state_restored():
        yield


@pytest.fixture(scope='session', autouse=True)
def on_cpu() -> Iterator[None]:
    """Runners run on the CPU, also where there is a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.device.utils.DEVICE', 'cpu')
        yield


@pytest.fixture(scope='session', autouse=True)
def unformatted_configs() -> Iterator[None]:
    with plain_config_text():
        yield


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
