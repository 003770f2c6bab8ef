"""Features of ranks whose batches differ in size are refused."""

import pytest
import torch

from mmgala.sharding import ClassShards, gather_features


def test_batches_of_different_size_are_refused(monkeypatch):
    sizes = torch.tensor([3, 2])
    monkeypatch.setattr(ClassShards, 'all_gather', lambda *_: sizes)
    with pytest.raises(ValueError, match=r'\[3, 2\] samples.*drop_last=True'):
        gather_features(torch.zeros(3, 4), ClassShards(5, ranks=2))
