"""What the tests of pictures share."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def figures(monkeypatch):
    """Figures that were saved, in order."""
    drawn = []
    save = Figure.savefig

    def savefig(self, path, **kwargs):
        drawn.append(self)
        save(self, path, **kwargs)

    monkeypatch.setattr(Figure, 'savefig', savefig)
    return drawn
