"""A server to download from, and a set to prepare from it."""

import pytest

from tests.preparation.file_server import quick_server
from tests.preparation.tiny_set import tiny_set


@pytest.fixture
def server(monkeypatch):
    """See :func:`quick_server`."""
    with quick_server(monkeypatch) as server:
        yield server


@pytest.fixture
def small(server):
    """A set of a list and a folder of images."""
    return tiny_set(server)


@pytest.fixture
def root(tmp_path):
    """Where to prepare it; the folder is not there yet."""
    return tmp_path / 'data' / 'small'
