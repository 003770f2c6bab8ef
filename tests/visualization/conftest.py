"""Fixtures for tests of figures."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figures(monkeypatch):
    """Saved figures, in order."""
    drawn = []
    save = Figure.savefig

    def savefig(self, path, **kwargs):
        drawn.append(self)
        save(self, path, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', savefig)
    return drawn
