"""Fixtures for a download server and a data set to prepare from it."""

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
    """A data set of one list and one folder of images."""
    return tiny_set(server)


@pytest.fixture
def root(tmp_path):
    """Root of the data set; the folder does not exist yet."""
    return tmp_path / 'data' / 'small'
